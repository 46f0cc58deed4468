// What is selected and what can be done with it; what was edited, and how to take it back.

import type { AnyModel } from "@anywidget/types";

import { el, setAttribute, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import { choice, offer } from "./menus";
import type { About, LastEdit, Selected } from "./protocol";
import type { Store } from "./store";

export class Footer {
  readonly element: HTMLElement;
  /** How much was edited, and the way back; it may be laid elsewhere. */
  readonly history: HTMLElement;
  private readonly words = el("span", { class: "nbft-footer-words" });
  private readonly hint = el("span", { class: "nbft-facts" });
  private readonly edits: EditButtons;
  private readonly clear = el("button", { class: "nbft-link", type: "button" }, "Clear");
  private readonly chosen: HTMLElement;
  private readonly tally = el("span", { class: "nbft-facts" });
  private readonly undo = el("button", { class: "nbft-button nbft-small", type: "button" }, "Undo");
  private readonly reply = el("p", { class: "nbft-error", "aria-live": "polite" });

  /** `suggests`: whether what is on show comes with another class suggested; `hint`: said while nothing is selected. */
  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly suggests = () => false,
    hint = "",
  ) {
    this.edits = new EditButtons(model, (value) => this.ask("edit", value));
    this.chosen = el("div", { class: "nbft-chosen" }, this.words, this.edits.element, this.clear);
    this.history = el("div", { class: "nbft-history" }, this.tally, this.undo);
    this.element = el("div", { class: "nbft-footer" }, this.hint, this.chosen, this.history, this.reply);
    setText(this.hint, hint);
    this.clear.addEventListener("click", () => void this.ask("select", { mode: "none" }));
    this.undo.addEventListener("click", () => void this.ask("undo"));
  }

  draw(): void {
    const { count: selected } = this.model.get("selected") as Selected;
    const { count: edits, undo } = this.model.get("last_edit") as LastEdit;
    show(this.chosen, selected > 0);
    show(this.hint, selected === 0 && Boolean(this.hint.textContent));
    setText(this.words, `${count(selected)} selected`);
    this.edits.draw({ any: edits > 0, excluded: false, suggested: this.suggests() });
    setText(this.tally, edits === 1 ? "1 edit" : edits ? `${count(edits)} edits` : "No edits");
    show(this.undo, Boolean(undo));
    setAttribute(this.undo, "title", `Undo ${undo}`);
  }

  /** Say what could not be done; "" takes it back. */
  say(error: string): void {
    show(this.reply, Boolean(error), error);
  }

  private async ask(name: string, value?: unknown): Promise<void> {
    this.say(await this.store.ask(name, value));
  }
}

/** What holds for the images that buttons act on. */
export interface Editable {
  any: boolean;
  excluded: boolean;
  /** Other classes are suggested for them. */
  suggested: boolean;
}

/** Exclude, relabel, move: for what is selected, or for one image. */
export class EditButtons {
  readonly element: HTMLElement;
  private readonly exclude = button("Exclude", "Leave out of the next runs; the file stays as it is");
  private readonly restore = button("Restore", "Take back the edits of these images");
  private readonly suggested = button("Relabel as suggested", "Take these images for ones of the class that is suggested");
  private readonly label = choice("Relabel as");
  private readonly part = choice("Move to");

  constructor(private readonly model: AnyModel, private readonly edit: (value: object) => Promise<void>) {
    this.element = el("span", { class: "nbft-edit-buttons" }, this.suggested, this.exclude, this.label, this.part, this.restore);
    this.suggested.addEventListener("click", () => void this.edit({ do: "suggested" }));
    this.exclude.addEventListener("click", () => void this.edit({ do: "exclude" }));
    this.restore.addEventListener("click", () => void this.edit({ do: "restore" }));
    this.label.addEventListener("change", () => void this.turn({ do: "relabel", label: this.label.value }));
    this.part.addEventListener("change", () => void this.turn({ do: "move", part: this.part.value }));
  }

  draw({ any, excluded, suggested }: Editable): void {
    const { classes } = this.model.get("about") as About;
    offer(this.label, [["", "Relabel as…"], ...classes.map(([name]): [string, string] => [name, name])], "");
    offer(this.part, [["", "Move to…"], ["train", "training"], ["val", "validation"]], "");
    show(this.restore, any);
    show(this.exclude, !excluded);
    show(this.suggested, suggested);
  }

  private async turn(value: object): Promise<void> {
    await this.edit(value);
    this.label.value = this.part.value = "";
  }
}

function button(words: string, title: string): HTMLButtonElement {
  return el("button", { class: "nbft-button nbft-small", type: "button", title }, words);
}
