// What is on show: search, class, part, order, and whether as the model sees it.

import type { AnyModel } from "@anywidget/types";

import { choice, offer } from "../gallery/menus";
import { type About, type OnShow, PARTS } from "../gallery/protocol";
import type { Store } from "../gallery/store";
import { el, newId, setAttribute, setText, show } from "../lib/dom";
import { Segments } from "../lib/segments";
import { count } from "../lib/wording";
import type { Finding, LensState, Query } from "./protocol";

const TYPING_MS = 150;

const SORTS: [string, string][] = [["folder", "as listed"], ["name", "by file name"], ["shuffled", "shuffled"]];
const PRESETS = ["none", "light", "standard", "strong"].map((name): [string, string] => [name, name]);

export class Toolbar {
  readonly element: HTMLElement;
  private readonly title = el("h3", { class: "nbft-title" }, "Dataset preview");
  private readonly facts = el("span", { class: "nbft-facts" });
  private readonly search = el("input", { class: "nbft-input", type: "search", placeholder: "file name or class", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  private readonly label = choice("Class");
  private readonly part = choice("Part");
  private readonly sort = choice("Order");
  private readonly modes = new Segments("View", [["photos", "Photos", ""], ["model", "As the model sees it", ""]], (mode) => void this.ask("as model", mode === "model"));
  private readonly preset = choice("Augmentation");
  private readonly flip = el("input", { class: "nbft-check", type: "checkbox", id: newId("flip") });
  private readonly words = el("span", { class: "nbft-facts" });
  private readonly lens: HTMLElement;
  private readonly finding = el("button", { class: "nbft-chip", type: "button" });
  private typing = 0;

  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly say: (error: string) => void,
    signal: AbortSignal,
  ) {
    const flips = el("label", { class: "nbft-flips", for: this.flip.id }, this.flip, "flips");
    this.lens = el("div", { class: "nbft-lens" }, el("span", { class: "nbft-facts" }, "Augmentation"), this.preset, flips, this.words);
    this.element = el("div", { class: "nbft-tools" },
      el("div", { class: "nbft-tools-head" }, this.title, this.facts, this.modes.element),
      el("div", { class: "nbft-tools-row" }, this.search, this.label, this.part, this.sort, this.finding),
      this.lens);
    this.listen(signal);
  }

  draw(): void {
    const about = this.model.get("about") as About;
    const { query, shown } = this.model.get("on_show") as OnShow<Query>;
    this.drawFacts(about, shown);
    if (document.activeElement !== this.search && !this.typing) this.search.value = query.search;
    offer(this.label, [["", "all classes"], ...about.classes.map((row): [string, string] => [row[0], classWords(row, about.complete)])], query.label);
    offer(this.part, partWords(about), query.part);
    offer(this.sort, SORTS, query.sort);
    this.drawFinding(query.finding);
    this.drawLens(this.model.get("lens") as LensState);
  }

  private drawFacts(about: About, shown: number): void {
    const all = `${count(about.total)} images`;
    const some = shown === about.total ? all : `${count(shown)} of ${all}`;
    const words = about.complete ? [some, `${count(about.classes.length)} classes`] : about.trouble ? [] : ["listing…"];
    setText(this.facts, [about.title, ...words].join(" · "));
  }

  private drawFinding(key: string): void {
    const found = (this.model.get("found") as Finding[]).find((one) => one.key === key);
    show(this.finding, Boolean(found), found ? `${found.title} ×` : "");
    setAttribute(this.finding, "aria-label", found ? `Show all images again, not only: ${found.title}` : undefined);
  }

  private drawLens(lens: LensState): void {
    this.modes.draw(lens.on ? "model" : "photos");
    show(this.lens, lens.on);
    offer(this.preset, PRESETS, lens.preset);
    this.flip.checked = lens.flip;
    setText(this.words, `${lens.words}${lens.mixes ? "; mixup and CutMix come later, on whole batches" : ""}`);
  }

  private listen(signal: AbortSignal): void {
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = window.setTimeout(() => {
        this.typing = 0;
        void this.ask("ask", { search: this.search.value });
      }, TYPING_MS);
    });
    const turn = (select: HTMLSelectElement, name: keyof Query) =>
      select.addEventListener("change", () => void this.ask("ask", { [name]: select.value }));
    turn(this.label, "label");
    turn(this.part, "part");
    turn(this.sort, "sort");
    this.finding.addEventListener("click", () => void this.ask("ask", { finding: "" }));
    this.preset.addEventListener("change", () => void this.ask("augment", { preset: this.preset.value }));
    this.flip.addEventListener("change", () => void this.ask("augment", { flip: this.flip.checked }));
    signal.addEventListener("abort", () => clearTimeout(this.typing));
  }

  private async ask(name: string, value: unknown): Promise<void> {
    this.say(await this.store.ask(name, value));
  }
}

function classWords([name, ...counts]: About["classes"][number], known: boolean): string {
  return known ? `${name} (${count(counts.reduce((a, b) => a + b))})` : name;
}

function partWords(about: About): [string, string][] {
  const sums = PARTS.map((_, part) => about.classes.reduce((sum, row) => sum + (row[part + 1] as number), 0));
  const parts = PARTS.map(([value, words], part): [string, string] => [value, `${words} (${count(sums[part]!)})`]);
  return [["", "all parts"], ...parts.filter((_, part) => part < 2 || sums[part]), ["edited", "edited"]];
}
