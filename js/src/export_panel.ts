// A run's model as files: one row a form, its button, and what came of it.

import type { AnyModel, RenderProps } from "@anywidget/types";

import { type Ask, asker, follow } from "./lib/asking";
import { el, newId, OWN_KEYS, setAttribute, setText, show } from "./lib/dom";
import { hideSaved } from "./lib/saved";

interface Form {
  suffix: string;
  what: string;
  state: "none" | "exists" | "waiting" | "running" | "done" | "marked" | "failed";
  words: string;
}

interface Target {
  name: string;
  folder: string;
  error: string;
  pixels: boolean;
}

const PRESSES: Record<Form["state"], string> = {
  none: "Export", exists: "Replace", waiting: "Cancel", running: "Cancel",
  done: "Again", marked: "Again", failed: "Try again",
};
/** What stands before the words: said by more than a colour. */
const SIGNS: Partial<Record<Form["state"], string>> = { done: "✓", marked: "⚠", failed: "⚠", exists: "⚠" };

function render({ model, el: root }: RenderProps) {
  hideSaved(model, root);
  const ending = new AbortController();
  new ExportView(model, root, ending.signal);
  return () => ending.abort();
}

class ExportView {
  private readonly ask: Ask;
  private readonly name: HTMLInputElement;
  private readonly folder = el("p", { class: "nbft-note" });
  private readonly error = el("p", { class: "nbft-error", "aria-live": "polite" });
  private readonly pixels: HTMLInputElement;
  private readonly list = el("ul", { class: "nbft-exports" });
  private readonly rows = new Map<string, Row>();

  constructor(private readonly model: AnyModel, root: HTMLElement, signal: AbortSignal) {
    this.ask = asker(model, signal);
    const [nameId, pixelsId] = [newId("name"), newId("pixels")];
    this.name = el("input", { id: nameId, class: "nbft-input", type: "text", autocomplete: "off", spellcheck: "false" });
    this.pixels = el("input", { id: pixelsId, class: "nbft-check", type: "checkbox" });
    this.name.addEventListener("change", () => void this.tell("name", this.name.value));
    this.pixels.addEventListener("change", () => void this.tell("pixels", this.pixels.checked));
    const named = el("div", { class: "nbft-field" },
      el("div", { class: "nbft-label" }, el("label", { for: nameId }, "Name of the files")), this.name, this.folder);
    const help = "An .onnx or .pt2 then takes the bytes of an image and normalises them itself";
    const reads = el("label", { class: "nbft-exports-pixels", for: pixelsId, title: help }, this.pixels, "Files take raw pixels");
    const region = { class: "nbft-panel nbft-export", role: "region", "aria-label": "Export", ...OWN_KEYS };
    const promise = el("p", { class: "nbft-note" }, "Every model file is read again without nbfinetune and compared on the validation images.");
    root.append(el("section", region, el("h3", { class: "nbft-title" }, "Export"),
      el("div", { class: "nbft-exports-head" }, named, reads), this.error, this.list, promise));
    follow(model, signal, ["forms", "target"], () => this.draw());
  }

  private draw(): void {
    const target = this.model.get("target") as Target;
    if (document.activeElement !== this.name) this.name.value = target.name;
    this.pixels.checked = target.pixels;
    setText(this.folder, `in ${target.folder}`);
    setAttribute(this.name, "aria-invalid", target.error ? "true" : undefined);
    show(this.error, Boolean(target.error), target.error);
    for (const form of this.model.get("forms") as Form[]) {
      const row = this.rows.get(form.suffix) ?? this.newRow(form);
      row.draw(form);
    }
  }

  private newRow({ suffix, what }: Form): Row {
    const row = new Row(suffix, what, (name) => void this.tell(name, suffix));
    this.rows.set(suffix, row);
    this.list.append(row.element);
    return row;
  }

  private async tell(name: string, value: unknown): Promise<void> {
    const error = await this.ask(name, value);
    show(this.error, Boolean(error), error);
  }
}

class Row {
  readonly element: HTMLElement;
  private readonly words = el("p", { class: "nbft-exports-words", "aria-live": "polite" });
  private readonly button = el("button", { class: "nbft-button nbft-small", type: "button" });
  private state: Form["state"] = "none";

  constructor(suffix: string, what: string, tell: (name: string) => void) {
    this.element = el("li", { class: "nbft-exports-row" },
      el("code", { class: "nbft-exports-suffix" }, suffix), el("span", { class: "nbft-exports-what" }, what), this.button, this.words);
    this.button.addEventListener("click", () => tell(this.busy() ? "cancel" : "export"));
    setAttribute(this.button, "data-suffix", suffix);
  }

  draw({ suffix, state, words }: Form): void {
    this.state = state;
    setAttribute(this.element, "data-state", state);
    setText(this.button, PRESSES[state]);
    setAttribute(this.button, "aria-label", `${PRESSES[state]} ${suffix}`);
    const sign = SIGNS[state];
    show(this.words, Boolean(words), sign ? `${sign} ${words}` : words);
  }

  private busy(): boolean {
    return this.state === "waiting" || this.state === "running";
  }
}

export default { render };
