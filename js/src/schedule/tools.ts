// Buttons above the picture (undo, redo, reset, axis, find) and what goes to a live run below it.

import type { Ask } from "../lib/asking";
import { el, newId, setAttribute, setText, show } from "../lib/dom";
import type { Finder, State } from "./protocol";

type Do = (name: string, value?: unknown) => void;

const ICONS = {
  undo: "M4 6h6a4 4 0 0 1 0 8H6M4 6l3-3M4 6l3 3",
  redo: "M12 6H6a4 4 0 0 0 0 8h4M12 6L9 3M12 6L9 9",
};

export class Toolbar {
  readonly element = el("div", { class: "nbft-curve-tools", role: "toolbar", "aria-label": "Curve tools" });
  private readonly undo = icon("undo", "Undo", "Undo (Ctrl+Z)");
  private readonly redo = icon("redo", "Redo", "Redo (Ctrl+Shift+Z)");
  /** Lies where a preset's values lie, which a curve drawn by hand has none of. */
  readonly reset = el("button", { class: "nbft-button nbft-wide nbft-reset", type: "button", title: "Back to the curve before its knots were drawn by hand" }, "Reset to preset");
  private readonly find = el("button", { class: "nbft-link-button", type: "button", title: "Try rising rates on a copy of the model, and suggest one" });
  private readonly log = el("input", { type: "checkbox", "aria-label": "Logarithmic rates" });
  private finding = false;

  constructor(act: Do) {
    this.undo.addEventListener("click", () => act("undo"));
    this.redo.addEventListener("click", () => act("redo"));
    this.reset.addEventListener("click", () => act("reset"));
    this.find.addEventListener("click", () => act(this.finding ? "cancel_find" : "find"));
    this.log.addEventListener("change", () => act("axis", this.log.checked ? "log" : "linear"));
    const axis = el("label", { class: "nbft-axis-switch" }, this.log, "log");
    this.element.append(this.undo, this.redo, el("span", { class: "nbft-gap" }), this.find, axis);
  }

  draw(state: State, finder: Finder): void {
    setAttribute(this.undo, "disabled", !state.undoable);
    setAttribute(this.redo, "disabled", !state.redoable);
    show(this.reset, state.resettable);
    this.log.checked = state.axis === "log";
    this.finding = finder.busy ?? false;
    show(this.find, state.findable, this.finding ? "Cancel" : "Find");
  }
}

export class LiveBar {
  readonly element = el("div", { class: "nbft-curve-live" });
  private readonly button = el("button", { class: "nbft-button nbft-apply", type: "button" });
  private readonly auto = el("input", { type: "checkbox" });
  private readonly box: HTMLElement;
  private readonly note = el("p", { class: "nbft-note", "aria-live": "polite" });
  private readonly found = el("p", { class: "nbft-note nbft-found", "aria-live": "polite" });
  private readonly error = el("p", { class: "nbft-error", role: "alert" });
  private readonly row: HTMLElement;

  constructor(act: Do) {
    const id = newId("auto");
    this.auto.id = id;
    this.box = el("label", { for: id, class: "nbft-auto", title: "Apply every change as soon as it is made" }, this.auto, "auto-apply");
    this.row = el("div", { class: "nbft-row" }, this.button, this.box);
    this.button.addEventListener("click", () => act("apply_schedule"));
    this.auto.addEventListener("change", () => act("auto_apply", this.auto.checked));
    this.element.append(this.found, this.row, this.note, this.error);
  }

  /** Say why something was not done, until the next thing is. */
  say(error: string): void {
    show(this.error, Boolean(error), error);
  }

  draw(state: State, finder: Finder): void {
    const apply = state.buttons[0];
    show(this.row, Boolean(apply));
    if (apply) {
      setText(this.button, apply.label);
      setAttribute(this.button, "title", apply.help);
      setAttribute(this.button, "disabled", !apply.enabled);
      this.button.classList.toggle("nbft-primary", apply.enabled);
    }
    show(this.box, state.live);
    this.auto.checked = state.auto;
    const ended = apply && !state.live ? apply.help : "";
    const note = ended || state.notes["schedule"] || "";
    show(this.note, Boolean(note), note);
    this.note.classList.toggle("nbft-refused", state.refused && !ended);
    this.note.classList.toggle("nbft-asked", note.startsWith("requested"));
    const found = finder.busy ? "trying rates …" : finder.sentence ?? "";
    show(this.found, Boolean(found), found);
  }
}

/** An `act` that shows what was refused. */
export function acting(ask: Ask, say: (error: string) => void): Do {
  return (name, value) => void ask(name, value).then(say);
}

function icon(name: keyof typeof ICONS, label: string, title: string): HTMLButtonElement {
  const button = el("button", { class: "nbft-tool", type: "button", "aria-label": label, title });
  button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  return button;
}
