// What is chosen, what is shortlisted, and the button that times them on this machine.

import type { Ask } from "../lib/asking";
import { el, setAttribute, setText, show } from "../lib/dom";
import type { CardFacts, Outlook, Row } from "./protocol";
import { inShort, percent, weights } from "./words";

export class MeasuringBar {
  readonly element: HTMLElement;
  private readonly chosen = el("p", { class: "nbft-chosen-words", role: "status" });
  private readonly facts = el("p", { class: "nbft-soft nbft-chosen-facts" });
  private readonly listed = el("span", { class: "nbft-soft" });
  private readonly measure = el("button", { class: "nbft-button nbft-small", type: "button" });
  private readonly clear = el("button", { class: "nbft-text-button", type: "button" }, "Clear shortlist");
  private readonly progress = el("progress", { class: "nbft-progress", "aria-label": "Measuring" });
  private readonly said = el("span", { class: "nbft-soft nbft-measure-said", "aria-live": "polite" });
  private readonly error = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private busy = false;
  private names: string[] = [];

  /** `done`: what closes the window that it lies in; without one the card stands beside it and is not repeated. */
  constructor(private readonly ask: Ask, clear: () => void, done?: () => void) {
    const row = el("div", { class: "nbft-measure-row" }, this.listed, this.clear, this.progress, this.said, this.measure);
    this.facts.hidden = !done;
    if (done) {
      const button = el("button", { class: "nbft-button nbft-small nbft-primary", type: "button" }, "Done");
      button.addEventListener("click", done);
      row.append(button);
    }
    this.element = el("div", { class: "nbft-measuring" }, el("div", { class: "nbft-chosen-model" }, this.chosen, this.facts), row, this.error);
    this.measure.addEventListener("click", () => void this.act());
    this.clear.addEventListener("click", clear);
  }

  draw(row: Row | undefined, card: CardFacts, shortlist: ReadonlySet<string>, outlook: Outlook): void {
    const { names = [], done = 0, now = "", error = "" } = outlook.measuring ?? {};
    this.busy = names.length > done && !error;
    this.names = shortlist.size ? [...shortlist] : row ? [row.name] : [];
    this.drawChosen(row, card);
    show(this.listed, !this.busy, shortlist.size ? `${shortlist.size} shortlisted` : "Click a dot or a row to choose it; tick rows to measure them.");
    setAttribute(this.listed, "title", [...shortlist].join(", "));
    show(this.clear, shortlist.size > 0 && !this.busy);
    const those = shortlist.size > 1 ? `these ${shortlist.size}` : shortlist.size ? "it" : "this one";
    setText(this.measure, this.busy ? "Cancel" : `Measure ${those}`);
    setAttribute(this.measure, "title", `Times forward and training steps${outlook.device ? ` on ${outlook.device}` : ""}, a few seconds each`);
    setAttribute(this.measure, "disabled", !this.busy && !this.names.length);
    show(this.progress, this.busy);
    this.progress.max = names.length || 1;
    this.progress.value = done;
    show(this.said, this.busy, this.busy ? `${Math.min(done + 1, names.length)} of ${names.length}: ${now}` : "");
    this.say(error);
  }

  private drawChosen(row: Row | undefined, { name = "", heading = "", rows = [] }: CardFacts): void {
    setText(this.chosen, row ? `Chosen: ${row.name}` : heading ? `Chosen: ${heading}` : "Nothing chosen yet");
    const known = row ? [inShort(row), percent(row.top1) && `${percent(row.top1)} top-1`, row.cached ? "weights here" : weights(row)] : [name];
    const told = rows.map(([label, text]) => `${label}: ${text}`);
    setText(this.facts, told.length ? told.join(" · ") : known.filter(Boolean).join(" · "));
  }

  private say(error: string): void {
    show(this.error, Boolean(error), error);
  }

  private async act(): Promise<void> {
    this.say("");
    this.say(this.busy ? await this.ask("cancel_measure") : await this.ask("measure", this.names));
  }
}
