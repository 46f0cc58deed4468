// The place to search: what is typed is looked for at once, in a list that lies over the rest.

import { el, newId, setAttribute, setText, show } from "../lib/dom";
import type { Field } from "../lib/field";
import { count } from "../lib/wording";
import type { Catalogue } from "./catalogue";
import { MatchList } from "./match_list";
import { MODEL } from "./protocol";
import { type Found, Rank } from "./search";

export interface Typed {
  value: string;
  error: string;
  note: string;
  offline: boolean;
}

export class SearchBox {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly list: MatchList;
  private readonly error = el("p", { class: "nbft-error" });
  private readonly note = el("p", { class: "nbft-note" });
  private readonly said = el("p", { class: "nbft-unseen", "aria-live": "polite" });
  private shown: Typed = { value: "", error: "", note: "", offline: false };
  private found: Found[] = [];
  private active = -1;
  private asking = false;

  constructor(field: Field, private readonly catalogue: Catalogue, compare: (words: string) => void, signal: AbortSignal) {
    const id = newId("model");
    this.error.id = `${id}-error`;
    this.list = new MatchList(`${id}-list`, (row) => void this.take(row.name, true), () => {
      const words = this.changed ? this.input.value : "";
      this.revert();
      compare(words);
    });
    this.input = el("input", {
      id, class: "nbft-input", name: MODEL, type: "search", role: "searchbox", autocomplete: "off", spellcheck: "false",
      placeholder: "search", title: field.help, "aria-autocomplete": "list", "aria-controls": this.list.listbox.id,
    });
    const label = el("div", { class: "nbft-label" }, el("label", { for: id, title: field.help }, field.label));
    this.element = el("div", { class: "nbft-field nbft-search" },
      label, el("div", { class: "nbft-control" }, this.input), this.list.element, this.error, this.note, this.said);
    this.listen(signal);
  }

  draw(shown: Typed): void {
    this.shown = shown;
    if (!this.list.open && !this.asking && !this.changedByHand) this.input.value = shown.value;
    setAttribute(this.input, "aria-invalid", shown.error ? "true" : undefined);
    setAttribute(this.input, "aria-describedby", shown.error ? this.error.id : undefined);
    show(this.error, Boolean(shown.error), shown.error);
    show(this.note, Boolean(shown.note) && !shown.error, shown.note);
  }

  private get changed(): boolean {
    return this.input.value.trim() !== this.shown.value;
  }

  /** Typed and neither sent nor taken back. */
  private changedByHand = false;

  private listen(signal: AbortSignal): void {
    const { input } = this;
    input.addEventListener("focus", () => {
      input.select();
      void this.catalogue.fetch();
    });
    input.addEventListener("click", () => this.list.open || this.find());
    input.addEventListener("input", () => {
      this.changedByHand = true;
      this.find();
    });
    input.addEventListener("keydown", (event) => this.press(event));
    input.addEventListener("blur", () => this.leave());
    this.catalogue.listen("rows", () => this.list.open && this.find(), signal);
    const place = () => this.list.open && this.list.place(this.input);
    addEventListener("scroll", place, { capture: true, passive: true, signal });
    addEventListener("resize", place, { signal });
  }

  /** Show what answers to the text in the box. */
  private find(): void {
    void this.catalogue.fetch();
    const { rows, index, trouble } = this.catalogue;
    const typed = this.input.value.trim();
    this.found = index.find(typed, this.shown.offline);
    // A slip may mean any of them, and a factory's name is none of them: Enter must not choose one.
    const sure = this.changedByHand && !typed.includes(":") && this.found[0] && this.found[0].rank < Rank.Alike;
    this.list.draw(this.found, this.words(typed, rows.length, trouble), this.shown.offline);
    if (!this.list.open) this.list.show(this.input);
    this.point(sure ? 0 : -1);
    setText(this.said, rows.length ? `${count(this.found.length)} models` : "");
  }

  private words(typed: string, known: number, trouble: string): string {
    if (!known) return trouble || "The list of models is coming…";
    if (typed.includes(":")) return "A function of your own: press Enter to use it";
    if (!typed) return "Type a name, a family, “transformer”, “CLIP”, …";
    const best = this.found[0]?.rank;
    if (best === undefined) return "No model is called that";
    if (best === Rank.Alike) return "No model is called that; near to it:";
    return this.shown.offline ? "No network: what is here comes first" : "";
  }

  private point(place: number): void {
    this.active = place;
    setAttribute(this.input, "aria-activedescendant", this.list.point(place));
  }

  private press(event: KeyboardEvent): void {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      if (!this.list.open) this.find();
      else this.point(Math.max(-1, Math.min(this.list.size - 1, this.active + (key === "ArrowDown" ? 1 : -1))));
    } else if (key === "Enter") {
      this.enter();
    } else if (key === "Escape" && (this.list.open || this.changedByHand)) {
      this.revert();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private enter(): void {
    const typed = this.input.value.trim();
    const chosen = this.list.open ? this.found[this.active]?.row : undefined;
    // A name that was typed in full is taken as it was typed.
    const inFull = this.active === 0 && (typed === chosen?.name || (chosen?.isDefault && typed === chosen.architecture));
    if (chosen && !inFull) void this.take(chosen.name, true);
    else if (this.changed && typed) void this.take(typed, false);
    else this.revert();
  }

  /** Leaving the box means what stands in it. */
  private leave(): void {
    if (this.changedByHand && this.changed && this.input.value.trim() && !this.asking) void this.take(this.input.value.trim(), false);
    else if (!this.asking) this.revert();
  }

  private revert(): void {
    this.changedByHand = false;
    this.list.hide();
    this.point(-1);
    this.input.value = this.shown.value;
  }

  private async take(name: string, listed: boolean): Promise<void> {
    this.list.hide();
    this.point(-1);
    this.input.value = name;
    this.asking = true;
    setAttribute(this.input, "aria-busy", "true");
    const error = await this.catalogue.ask(listed ? "choose" : MODEL, name);
    setAttribute(this.input, "aria-busy", undefined);
    this.asking = false;
    this.changedByHand = Boolean(error);
    if (error) this.draw({ ...this.shown, error });
    else this.input.value = this.shown.value;
  }
}
