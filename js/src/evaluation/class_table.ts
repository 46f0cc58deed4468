// Class by class how well it does, what needs help first; a row opens the images of that class that it missed.

import type { AnyModel } from "@anywidget/types";

import type { About, OnShow } from "../gallery/protocol";
import { el, setAttribute } from "../lib/dom";
import { count } from "../lib/wording";
import type { PerClass, Query } from "./protocol";
import { NONE, percent } from "./words";

type Column = "name" | "recall" | "precision" | "f1" | "images" | "auc" | "worst";

const COLUMNS: [Column, string, string][] = [
  ["name", "Class", ""],
  ["recall", "Recall", "How many of its images it recognises"],
  ["precision", "Precis.", "Precision: how many of the images that it takes for this class are of it"],
  ["f1", "F1", "Harmonic mean of recall and precision"],
  ["images", "Images", "Images of this class that it was measured on"],
  ["auc", "AUC", "ROC-AUC of this class against all others"],
  ["worst", "Taken for", "The class that it is taken for most, and how many images of it"],
];
/** Columns that show the lowest first when they are chosen. */
const LOW_FIRST = new Set<Column>(["name", "recall", "precision", "f1", "auc"]);

export interface Line {
  name: string;
  recall: number | null;
  precision: number | null;
  f1: number | null;
  images: number;
  auc: number | null;
  /** Class and images. */
  worst: [string, number] | null;
}

export class ClassTable {
  readonly element: HTMLElement;
  private readonly body = el("tbody", {});
  private readonly heads = new Map<Column, HTMLElement>();
  private sort: Column | undefined;
  private drawn = "";

  /** `choose` shows what it missed of a class. */
  constructor(private readonly model: AnyModel, private readonly choose: (line: Line) => void) {
    const heads = COLUMNS.map(([column, words, help]) => this.head(column, words, help));
    const table = el("table", { class: "nbft-classes", "aria-label": "Classes" }, el("thead", {}, el("tr", {}, ...heads)), this.body);
    this.element = el("section", { class: "nbft-classes-part" },
      el("h4", { title: "What needs help first; click a class to see what it missed of it" }, "Classes"), el("div", { class: "nbft-classes-box" }, table));
  }

  draw(): void {
    const { classes } = this.model.get("about") as About;
    const lines = sorted(linesOf(this.model.get("per_class") as PerClass[], (number) => classes[number]?.[0] ?? ""), this.sort);
    const key = JSON.stringify(lines);
    if (key !== this.drawn) {
      this.drawn = key;
      this.body.replaceChildren(...lines.map((line) => this.row(line)));
    }
    const { query } = this.model.get("on_show") as OnShow<Query>;
    for (const button of this.body.querySelectorAll("button")) {
      setAttribute(button, "aria-pressed", String(query.group !== "cell" && button.dataset["label"] === query.label));
    }
  }

  private head(column: Column, words: string, help: string): HTMLElement {
    const button = el("button", { type: "button", title: help || undefined }, words);
    const head = el("th", { scope: "col", class: `nbft-class-${column}` }, button);
    button.addEventListener("click", () => {
      this.sort = this.sort === column ? undefined : column;
      for (const [name, one] of this.heads) setAttribute(one, "aria-sort", name !== this.sort ? undefined : LOW_FIRST.has(name) ? "ascending" : "descending");
      this.draw();
    });
    this.heads.set(column, head);
    return head;
  }

  private row(line: Line): HTMLElement {
    const button = el("button", { type: "button", "data-label": line.name, title: line.name }, line.name);
    const worst = line.worst ? `${line.worst[0]} (${count(line.worst[1])})` : "";
    const cell = (column: Column, words: string) => el("td", { class: `nbft-class-${column}`, title: column === "worst" ? words : undefined }, words);
    const row = el("tr", {}, el("th", { scope: "row", class: "nbft-class-name" }, button),
      cell("recall", share(line.recall)), cell("precision", share(line.precision)), cell("f1", share(line.f1)),
      cell("images", count(line.images)), cell("auc", line.auc === null ? NONE : line.auc.toFixed(3)), cell("worst", worst));
    row.style.setProperty("--nbft-part", String(line.f1 ?? 0));
    row.addEventListener("click", () => this.choose(line));
    return row;
  }
}

function share(value: number | null): string {
  return percent(value, 0).replace(" %", "");
}

export function linesOf(rows: readonly PerClass[], nameOf: (number: number) => string): Line[] {
  return rows.map(([number, precision, recall, f1, images, auc, worst]) => (
    { name: nameOf(number), recall, precision, f1, images, auc, worst: worst && [nameOf(worst[0]), worst[1]] }));
}

/** Lines by a column; without one as they were given, which is what needs help first. */
export function sorted(lines: readonly Line[], column?: Column): Line[] {
  if (!column) return [...lines];
  const sign = LOW_FIRST.has(column) ? 1 : -1;
  return [...lines].sort((one, other) => {
    const [a, b] = [valueOf(one, column), valueOf(other, column)];
    // What is undefined comes last in either order.
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (typeof a === "string" ? a.localeCompare(String(b)) : a - Number(b));
  });
}

function valueOf(line: Line, column: Column): string | number | null {
  return column === "worst" ? (line.worst?.[1] ?? null) : line[column];
}
