// One setting: its label, its control, and what is to be said about it, all in place.

import type { Ask } from "./asking";
import { el, newId, setAttribute, show } from "./dom";

/** As `nbfinetune.widgets.fields.Field` writes it. */
export interface Field {
  name: string;
  label: string;
  kind: "text" | "search" | "integer" | "number" | "choice" | "combo" | "flag";
  help: string;
  unit: string;
  options: [string, string][];
  empty: string;
  live: boolean;
  rare: boolean;
  wide: boolean;
}

export interface Shown {
  value: string | boolean;
  error: string;
  note: string;
  live: boolean;
}

type Control = HTMLInputElement | HTMLSelectElement;

export class FieldView {
  readonly element: HTMLElement;
  private readonly control: Control;
  private readonly mark = el("span", { class: "nbft-mark" });
  private readonly unit = el("span", { class: "nbft-unit", "aria-hidden": "true" });
  private readonly error = el("p", { class: "nbft-error" });
  private readonly note = el("p", { class: "nbft-note", "aria-live": "polite" });
  private typing = false;
  private asking = false;

  /** `marked`: live settings are marked one by one, since the panel as a whole is not live. */
  constructor(readonly field: Field, private readonly ask: Ask, private readonly marked: boolean) {
    const id = newId(field.name);
    this.error.id = `${id}-error`;
    this.mark.textContent = "live";
    this.mark.classList.add("nbft-mark-live");
    this.control = control(field, id);
    this.control.addEventListener("change", () => void this.commit());
    this.control.addEventListener("input", () => (this.typing = true));
    this.control.addEventListener("keydown", (event) => {
      if ((event as KeyboardEvent).key === "Enter" && this.typing) void this.commit();
    });
    this.element = this.laid(id);
  }

  draw({ value, error, note, live }: Shown): void {
    if (!this.typing && !this.asking) this.fill(value);
    setAttribute(this.control, "aria-invalid", error ? "true" : undefined);
    setAttribute(this.control, "aria-describedby", error ? this.error.id : undefined);
    show(this.error, Boolean(error), error);
    show(this.note, Boolean(note) && !error, note);
    show(this.mark, live && this.marked && this.field.live);
  }

  private laid(id: string): HTMLElement {
    const { label: text, help, unit, kind } = this.field;
    const label = el("label", { for: id, title: help }, text);
    this.unit.textContent = unit;
    this.unit.hidden = !unit;
    const box = el("div", { class: "nbft-control" }, this.control, this.unit);
    const head = el("div", { class: "nbft-label" }, label, this.mark);
    const classes = ["nbft-field"];
    if (this.field.wide) classes.push("nbft-wide");
    if (kind === "flag") classes.push("nbft-flag");
    const suggestions = kind === "combo" || kind === "search" ? [datalist(this.field, id)] : [];
    return el("div", { class: classes.join(" ") }, head, box, ...suggestions, this.error, this.note);
  }

  private fill(value: string | boolean): void {
    if (this.control instanceof HTMLInputElement && this.control.type === "checkbox") {
      this.control.checked = value === true;
      return;
    }
    const text = String(value);
    if (this.control instanceof HTMLSelectElement && ![...this.control.options].some((o) => o.value === text)) {
      this.control.append(el("option", { value: text }, text));
    }
    if (this.control.value !== text) this.control.value = text;
  }

  /** Send what was typed, once: Enter and leaving the control both mean it. */
  private async commit(): Promise<void> {
    if (!this.typing || this.asking) return;
    const checkbox = this.control instanceof HTMLInputElement && this.control.type === "checkbox";
    const value = checkbox ? (this.control as HTMLInputElement).checked : this.control.value;
    this.typing = false;
    this.asking = true;
    setAttribute(this.control, "aria-busy", "true");
    const error = await this.ask(this.field.name, value);
    setAttribute(this.control, "aria-busy", undefined);
    this.asking = false;
    if (error) this.draw({ value: this.control.value, error, note: "", live: !this.mark.hidden });
  }
}

function control(field: Field, id: string): Control {
  const shared = { id, name: field.name, title: field.help, class: "nbft-input" };
  if (field.kind === "choice") {
    const options = field.options.map(([value, label]) => el("option", { value }, label));
    return el("select", shared, ...options);
  }
  if (field.kind === "flag") return el("input", { ...shared, class: "nbft-check", type: "checkbox" });
  const input = el("input", {
    ...shared,
    type: field.kind === "search" ? "search" : "text",
    // With suggestions it would count as a combobox; to a person it is the place to search.
    role: field.kind === "search" ? "searchbox" : undefined,
    list: field.kind === "search" || field.kind === "combo" ? `${id}-options` : undefined,
    inputmode: field.kind === "number" ? "decimal" : field.kind === "integer" ? "numeric" : undefined,
    placeholder: field.empty,
    autocomplete: "off",
    spellcheck: "false",
  });
  // Suggestions are filtered by what stands in the control: typing must replace it.
  input.addEventListener("focus", () => input.select());
  return input;
}

function datalist(field: Field, id: string): HTMLElement {
  return el("datalist", { id: `${id}-options` }, ...field.options.map(([value]) => el("option", { value })));
}
