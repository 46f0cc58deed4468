// Filters over the models: words, kind, licence, size, and what is here already.

import { el, newId, setAttribute, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import { type FilterName, type Filters, NO_FILTERS, setFilters } from "./filters";
import { KINDS } from "./words";

const LICENSES: [Filters["license"], string][] = [
  ["", "any licence"], ["permissive", "permissive licence"], ["commercial", "permissive or conditional"],
];
const KIND_OPTIONS: [string, string][] = [["", "any kind"], ...Object.entries(KINDS)];

export class FilterBar {
  readonly element: HTMLElement;
  private readonly words = el("input", { class: "nbft-input nbft-filter-words", type: "search", placeholder: "name, family, data…", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  private readonly kind = menu("Kind", KIND_OPTIONS);
  private readonly license = menu("Licence", LICENSES);
  private readonly parametersM = limit("Parameters at most, millions", "any");
  private readonly macsG = limit("GMACs at most", "any");
  private readonly cached = el("input", { class: "nbft-check", type: "checkbox", id: newId("cached") });
  private readonly left = el("span", { class: "nbft-filter-left", role: "status" });
  private readonly clear = el("button", { class: "nbft-text-button", type: "button" }, "Clear");
  private filters: Filters = NO_FILTERS;

  constructor(private readonly change: (filters: Filters) => void) {
    const here = el("label", { class: "nbft-filter-flag", for: this.cached.id }, this.cached, "weights here");
    this.element = el("div", { class: "nbft-filters", role: "search", "aria-label": "Filters" },
      this.words, this.kind, this.license,
      labelled("≤", this.parametersM, "M params"), labelled("≤", this.macsG, "GMACs"), here, this.left, this.clear);
    for (const input of [this.words, this.parametersM, this.macsG]) input.addEventListener("input", () => this.read());
    for (const control of [this.kind, this.license, this.cached]) control.addEventListener("change", () => this.read());
    this.clear.addEventListener("click", () => this.take(NO_FILTERS));
  }

  /** Set the filters, as if a person had. */
  take(filters: Filters): void {
    this.words.value = filters.words;
    this.kind.value = filters.kind;
    this.license.value = filters.license;
    this.parametersM.value = filters.parametersM === undefined ? "" : String(filters.parametersM);
    this.macsG.value = filters.macsG === undefined ? "" : String(filters.macsG);
    this.cached.checked = filters.cached;
    this.read();
  }

  focus(): void {
    this.words.focus();
  }

  draw(left: number, all: number): void {
    setText(this.left, all ? `${count(left)} of ${count(all)}` : "");
    show(this.clear, setFilters(this.filters).length > 0);
  }

  private read(): void {
    this.filters = {
      words: this.words.value.trim(),
      kind: this.kind.value as Filters["kind"],
      license: this.license.value as Filters["license"],
      parametersM: most(this.parametersM),
      macsG: most(this.macsG),
      cached: this.cached.checked,
    };
    this.change(this.filters);
  }
}

/** A filter in words, as a sentence that goes on needs it. */
export function inWords(name: FilterName, filters: Filters): string {
  switch (name) {
    case "words": return `the search for “${filters.words}”`;
    case "kind": return `“${KINDS[filters.kind as keyof typeof KINDS]}”`;
    case "license": return `“${LICENSES.find(([value]) => value === filters.license)?.[1] ?? ""}”`;
    case "parametersM": return `“at most ${filters.parametersM} M parameters”`;
    case "macsG": return `“at most ${filters.macsG} GMACs”`;
    case "cached": return "“weights here”";
  }
}

/** The limit that stands in a control; a word that is no number limits nothing and is marked. */
function most(input: HTMLInputElement): number | undefined {
  const text = input.value.trim().replace(",", ".");
  const value = Number(text);
  const wrong = text !== "" && !(value > 0);
  setAttribute(input, "aria-invalid", wrong ? "true" : undefined);
  return text === "" || wrong ? undefined : value;
}

function menu(name: string, options: [string, string][]): HTMLSelectElement {
  return el("select", { class: "nbft-input", "aria-label": name, title: name },
    ...options.map(([value, label]) => el("option", { value }, label)));
}

function limit(name: string, empty: string): HTMLInputElement {
  return el("input", { class: "nbft-input nbft-filter-limit", type: "text", inputmode: "decimal", placeholder: empty, "aria-label": name, title: name, autocomplete: "off" });
}

function labelled(before: string, control: HTMLElement, after: string): HTMLElement {
  const word = (text: string) => el("span", { class: "nbft-unit", "aria-hidden": "true" }, text);
  return el("span", { class: "nbft-filter-number" }, word(before), control, word(after));
}
