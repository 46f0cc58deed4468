// The chosen knot in numbers, and the way to the next one.

import { el, newId, setAttribute, show } from "../lib/dom";
import { digits, rateText } from "./axes";
import { type Knot, type Piece, PIECES } from "./curve";
import { isFree } from "./edits";
import type { Picture } from "./protocol";

const HINT = "Drag a knot, or the curve between two. A double click adds a knot.";

export interface KnotChange {
  epoch?: number;
  rate?: number;
  piece?: Piece;
}

export class KnotBar {
  readonly element = el("div", { class: "nbft-knot-bar" });
  private readonly hint = el("p", { class: "nbft-hint" }, HINT);
  private readonly numbers = el("div", { class: "nbft-knot-numbers", role: "group" });
  private readonly epoch = input("decimal");
  private readonly rate = input("decimal");
  private readonly piece = el("select", { class: "nbft-input" }, ...PIECES.map(([value, label]) => el("option", { value }, label)));
  private readonly remove = el("button", { class: "nbft-tool", type: "button", "aria-label": "Delete knot", title: "Delete knot (Delete)" }, "×");

  constructor(change: (change: KnotChange) => void, remove: () => void, say: (error: string) => void) {
    const number = (control: HTMLInputElement, name: "epoch" | "rate") => {
      const commit = () => {
        if (control.value === control.defaultValue) return;
        const typed = control.value;
        const value = typed.trim() === "" ? Number.NaN : Number(typed);
        // What is drawn next is what stands, typed or not.
        control.defaultValue = typed;
        if (Number.isFinite(value)) change({ [name]: value });
        else say(`${JSON.stringify(typed)} is not a number; write it like 0.001 or 1e-3`);
      };
      control.addEventListener("change", commit);
      // The notebook takes the Enter key, so no change would be told of.
      control.addEventListener("keydown", (event) => event.key === "Enter" && commit());
    };
    number(this.epoch, "epoch");
    number(this.rate, "rate");
    this.piece.addEventListener("change", () => change({ piece: this.piece.value as Piece }));
    this.remove.addEventListener("click", remove);
    this.numbers.append(
      labelled("Knot epoch", this.epoch, "at epoch"), labelled("Knot rate", this.rate, "rate"),
      labelled("Way to the next knot", this.piece, "to the next"), this.remove,
    );
    this.element.append(this.hint, this.numbers);
  }

  /** Put the cursor into the rate, to be typed over. */
  edit(): void {
    this.rate.focus();
    this.rate.select();
  }

  draw({ knots, epochs, now }: Picture, chosen: number | undefined): void {
    const knot = chosen === undefined ? undefined : knots[chosen];
    show(this.hint, !knot);
    show(this.numbers, Boolean(knot));
    if (knot && chosen !== undefined) this.fill(knot, chosen, epochs, isFree(knots, chosen, now), chosen === knots.length - 1);
  }

  private fill([at, rate, piece]: Knot, place: number, epochs: number, free: boolean, last: boolean): void {
    setAttribute(this.numbers, "aria-label", `Knot ${place + 1}`);
    write(this.epoch, String(digits(at * epochs, 4)));
    write(this.rate, rateText(rate, 4));
    if (document.activeElement !== this.piece) this.piece.value = piece;
    for (const control of [this.epoch, this.rate, this.remove]) setAttribute(control, "disabled", !free);
    setAttribute(this.piece, "disabled", last);
  }
}

function write(control: HTMLInputElement, text: string): void {
  if (document.activeElement === control && control.value !== control.defaultValue) return;
  control.value = control.defaultValue = text;
}

function input(mode: string): HTMLInputElement {
  return el("input", { class: "nbft-input", type: "text", inputmode: mode, autocomplete: "off", spellcheck: "false" });
}

function labelled(label: string, control: HTMLElement, shown: Node | string): HTMLElement {
  const id = newId("knot");
  control.id = id;
  setAttribute(control, "aria-label", label);
  return el("div", { class: "nbft-field" }, el("div", { class: "nbft-label" }, el("label", { for: id }, shown)), control);
}
