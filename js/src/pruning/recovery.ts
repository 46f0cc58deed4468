// What is done with the amount: a new run that recovers, the live run cut as it is, the time measured.

import { el, newId, setAttribute, setText, show } from "../lib/dom";
import { part } from "./words";
import type { State } from "./protocol";

type Act = (name: string, value?: unknown) => void;

export class Recovery {
  readonly element: HTMLElement;
  /** Lies under the figures, which it completes. */
  readonly time: HTMLElement;
  private readonly recover = el("button", { class: "nbft-button nbft-primary", type: "button" }, "Prune and recover");
  private readonly live = el("button", { class: "nbft-button", type: "button", title: "The run itself, at its next step: it goes on with what is left" }, "Prune the live run");
  private readonly latency = el("button", { class: "nbft-button nbft-small nbft-pruning-time", type: "button" });
  private readonly waiting = el("span", { class: "nbft-pruning-waiting", role: "status" });
  private readonly epochs: HTMLInputElement;
  private readonly unit = el("span", {});
  private readonly gradual = el("input", { class: "nbft-check", type: "checkbox" });
  private readonly tick: HTMLElement;
  private readonly wrong = el("p", { class: "nbft-error", hidden: true });
  private readonly note = el("p", { class: "nbft-note", "aria-live": "polite", hidden: true });
  private readonly refusal = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private typing = false;

  constructor(act: Act) {
    const [epochs, gradual] = [newId("epochs"), newId("gradual")];
    this.epochs = el("input", { id: epochs, class: "nbft-input", type: "text", inputmode: "numeric", autocomplete: "off", "aria-label": "Epochs of recovery" });
    this.gradual.id = gradual;
    this.wrong.id = `${epochs}-error`;
    this.tick = el("label", { for: gradual, class: "nbft-pruning-tick", title: "The amount rises while it trains, fast at first, rather than all at once" }, this.gradual, "little by little while it trains");
    const row = el("div", { class: "nbft-pruning-do" }, this.recover,
      el("label", { for: epochs, class: "nbft-pruning-epochs" }, "for", this.epochs, this.unit), this.live);
    this.time = el("div", { class: "nbft-pruning-line" }, this.latency, this.waiting);
    this.element = el("div", { class: "nbft-pruning-recovery" }, row, this.tick, this.wrong, this.note, this.refusal);
    this.recover.addEventListener("click", () => act("recover"));
    this.live.addEventListener("click", () => act("prune_live"));
    this.latency.addEventListener("click", () => act("latency"));
    this.gradual.addEventListener("change", () => act("gradual", this.gradual.checked));
    this.epochs.addEventListener("input", () => (this.typing = true));
    this.epochs.addEventListener("change", () => {
      this.typing = false;
      act("recover_epochs", this.epochs.value);
    });
  }

  /** Say why something was not done, until the next thing is. */
  say(refusal: string): void {
    show(this.refusal, Boolean(refusal), refusal);
  }

  draw(state: State, amount: number): void {
    const { off, errors, note } = state;
    able(this.recover, off.recover);
    able(this.latency, off.latency);
    show(this.live, off.live === "");
    show(this.time, state.method !== "unstructured");
    this.move(amount);
    if (!this.typing && this.epochs.value !== String(state.recoverEpochs)) this.epochs.value = String(state.recoverEpochs);
    setText(this.unit, state.recoverEpochs === 1 ? "epoch" : "epochs");
    this.gradual.checked = state.gradual;
    show(this.tick, state.method !== "depth" && state.target !== "latency");
    const wrong = [errors["recover_epochs"], errors["gradual"], errors["recover"]].filter(Boolean).join(" ");
    show(this.wrong, Boolean(wrong), wrong);
    setAttribute(this.epochs, "aria-invalid", errors["recover_epochs"] ? "true" : undefined);
    setAttribute(this.epochs, "aria-describedby", wrong ? this.wrong.id : undefined);
    // Where there is nothing to prune the place of the curve says why.
    const unready = state.phase === "no_run" || state.phase === "no_best";
    show(this.waiting, !unready && state.phase !== "idle" && Boolean(off.latency), off.latency ?? "");
    const told = note || (unready ? "" : off.recover) || "";
    show(this.note, Boolean(told), told);
  }

  move(amount: number): void {
    setText(this.latency, `Measure latency at ${part(amount)}`);
  }
}

function able(button: HTMLButtonElement, off: string | undefined): void {
  setAttribute(button, "disabled", Boolean(off));
  setAttribute(button, "title", off || undefined);
}
