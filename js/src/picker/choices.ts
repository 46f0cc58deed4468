// What of the model is trained, in plain words: one of a few.

import type { Ask } from "../lib/asking";
import { el, newId, setText, show } from "../lib/dom";
import type { Choices } from "./protocol";

export class TrainChoices {
  readonly element: HTMLElement;
  private readonly options = el("div", { class: "nbft-train-options" });
  private readonly measures = el("span", {}, "parameters · memory");
  private readonly error = el("p", { class: "nbft-error", role: "alert", hidden: true });
  private readonly group = newId("train");
  private names = "";
  private shown: Choices = {};

  constructor(private readonly ask: Ask) {
    const head = el("div", { class: "nbft-train-head" }, el("span", {}, "Train"), this.measures);
    this.element = el("fieldset", { class: "nbft-train", "aria-label": "Train" }, head, this.options, this.error);
  }

  draw(choices: Choices): void {
    this.shown = choices;
    const { chosen = "", options = [] } = choices;
    show(this.element, options.length > 0);
    show(this.measures, options.some(({ detail }) => detail));
    const names = options.map(({ name }) => name).join();
    if (names !== this.names) {
      this.names = names;
      this.options.replaceChildren(...options.map(({ name }) => this.option(name)));
    }
    [...this.options.children].forEach((row, at) => {
      const { name, label, detail } = options[at]!;
      row.querySelector("input")!.checked = name === chosen;
      setText(row.children[1]!, label);
      setText(row.children[2]!, detail);
    });
  }

  private option(name: string): HTMLElement {
    const input = el("input", { type: "radio", name: this.group, value: name });
    input.addEventListener("change", () => void this.take(name));
    return el("label", { class: "nbft-train-option" }, input, el("span", {}), el("span", { class: "nbft-train-detail" }));
  }

  private async take(name: string): Promise<void> {
    const error = await this.ask("train", name);
    show(this.error, Boolean(error), error);
    if (error) this.draw(this.shown);
  }
}
