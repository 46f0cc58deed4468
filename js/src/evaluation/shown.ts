// Which images are on show, and the search for wrong labels among them.

import type { AnyModel } from "@anywidget/types";

import type { About, OnShow } from "../gallery/protocol";
import { el, setAttribute, setText, show } from "../lib/dom";
import { Segments } from "../lib/segments";
import { count } from "../lib/wording";
import type { Group, LabelErrors, Query } from "./protocol";
import { errorWords, imagesWords, narrowedWords, orderWords, widened } from "./words";

const GROUPS: [Group, string, string][] = [
  ["all", "All", "Every image that it was measured on"],
  ["mistakes", "Mistakes", "What it took for something else, the most confident first"],
  ["uncertain", "Least certain", "The lowest probabilities first"],
  ["label_errors", "Label errors", "Images whose label is likely wrong"],
];

export class Shown {
  readonly element: HTMLElement;
  private readonly groups: Segments<Group>;
  private readonly facts = el("span", { class: "nbft-facts", "aria-live": "polite" });
  private readonly words = el("span", { class: "nbft-facts" });
  private readonly chip = el("button", { class: "nbft-chip", type: "button" });
  private readonly find = el("button", { class: "nbft-button nbft-small", type: "button" });
  private readonly stop = el("button", { class: "nbft-button nbft-small", type: "button" }, "Stop");
  private readonly bar = el("progress", { class: "nbft-progress", "aria-label": "Search for label errors", max: "1" });

  constructor(private readonly model: AnyModel, private readonly act: (name: string, value?: unknown) => void) {
    this.groups = new Segments("Images on show", GROUPS, (group) => this.act("show", { group, label: "", predicted: "" }));
    this.chip.addEventListener("click", () => this.act("show", widened(this.query)));
    this.find.addEventListener("click", () => this.act("find errors"));
    this.stop.addEventListener("click", () => this.act("stop errors"));
    this.element = el("div", { class: "nbft-shown" },
      el("div", { class: "nbft-shown-row" }, this.groups.element, this.facts),
      el("div", { class: "nbft-shown-row" }, this.chip, this.words, this.bar, this.find, this.stop));
  }

  draw(): void {
    const { shown } = this.model.get("on_show") as OnShow;
    const { total } = this.model.get("about") as About;
    const { group } = this.query;
    this.groups.draw(group);
    // Wrong labels are looked for among the images that it learned from, too.
    const some = group !== "label_errors" && shown !== total;
    show(this.facts, group !== "label_errors" || shown > 0);
    setText(this.facts, some ? `${count(shown)} of ${imagesWords(total)}` : imagesWords(shown));
    const narrowed = narrowedWords(this.query);
    show(this.chip, Boolean(narrowed), `${narrowed} ×`);
    setAttribute(this.chip, "aria-label", `Show more again than: ${narrowed}`);
    this.drawErrors(group === "label_errors", this.model.get("errors") as LabelErrors);
    if (group !== "label_errors") setText(this.words, narrowed ? "" : orderWords(group));
  }

  private drawErrors(on: boolean, errors: LabelErrors): void {
    const { state, done, of } = errors;
    const running = state === "running";
    if (on) setText(this.words, errorWords(errors));
    setAttribute(this.words, "title", on ? this.words.textContent ?? "" : undefined);
    this.words.classList.toggle("nbft-error", on && state === "failed");
    show(this.find, on && (state === "none" || state === "failed"), "Find label errors");
    show(this.stop, on && running);
    show(this.bar, on && running);
    setAttribute(this.bar, "value", of ? String(done / of) : undefined);
  }

  private get query(): Query {
    return (this.model.get("on_show") as OnShow<Query>).query;
  }
}
