// Training again with what was edited, and what came of it.

import type { AnyModel } from "@anywidget/types";

import { el, show } from "../lib/dom";
import type { Again } from "./protocol";

export class AgainBar {
  readonly element: HTMLElement;
  private readonly words = el("p", { role: "status" });
  private readonly differs = el("p", { class: "nbft-again-differs" });
  private readonly button = el("button", { class: "nbft-button nbft-small", type: "button" });

  /** `history`: what was edited, which stands beside the button. */
  constructor(private readonly model: AnyModel, history: HTMLElement, train: () => void) {
    this.button.addEventListener("click", train);
    this.element = el("div", { class: "nbft-again" }, el("div", { class: "nbft-again-said" }, this.words, this.differs), history, this.button);
  }

  draw(): void {
    const { state, words } = this.model.get("again") as Again;
    const { words: differs } = this.model.get("differs") as { words?: string };
    // Where there is something to train on, the words are the button's.
    const ready = state === "ready";
    show(this.words, !ready, ready ? "" : words);
    this.words.classList.toggle("nbft-error", state === "failed");
    show(this.differs, Boolean(differs), differs ?? "");
    show(this.button, true, ready ? words : "Train again");
    this.button.disabled = !ready && state !== "failed";
    this.button.classList.toggle("nbft-primary", ready);
  }
}
