// The same models to read: sorted by any column, only the rows in sight drawn.

import { el, newId, setAttribute, setText } from "../lib/dom";
import { figure } from "../lib/wording";
import type { Order, SortKey, Speeds } from "./filters";
import type { Row } from "./protocol";
import { giga, KINDS, licenseFlag, millions, percent, weights } from "./words";

const ROW_PX = 28;
/** Rows drawn beyond those in sight, either way. */
const BEYOND = 8;

interface Column {
  key: SortKey;
  label: string;
  help: string;
  /** The first press sorts the greatest first. */
  down: boolean;
  text(row: Row, speeds: Speeds): string;
}

const COLUMNS: Column[] = [
  { key: "name", label: "Model", help: "Name", down: false, text: (row) => row.name },
  { key: "top1", label: "Top-1", help: "ImageNet top-1", down: true, text: (row) => percent(row.top1) },
  { key: "parameters", label: "Params", help: "Parameters", down: false, text: (row) => millions(row.parameters) },
  { key: "macs", label: "MACs", help: "Multiply-accumulates of one image", down: false, text: (row) => giga(row.macs) },
  { key: "imageSize", label: "Size", help: "Image size in pixels of the weights", down: false, text: (row) => (row.imageSize ? `${row.imageSize}` : "") },
  { key: "speed", label: "img/s here", help: "Images per second in training, measured here", down: true, text: (row, speeds) => (speeds[row.name] ? figure(speeds[row.name]!) : "") },
  { key: "weights", label: "Weights", help: "Here already, or the size of the download", down: false, text: (row) => (row.cached ? "✓ here" : weights(row)) },
  { key: "license", label: "Licence", help: "Licence of the weights", down: false, text: (row) => row.license },
];

export interface Listed {
  rows: readonly Row[];
  chosen: Row | undefined;
  shortlist: ReadonlySet<string>;
  speeds: Speeds;
  order: Order;
}

export interface Hands {
  choose(row: Row): void;
  shortlist(row: Row, on: boolean): void;
  sort(order: Order): void;
}

export class ModelTable {
  readonly element: HTMLElement;
  private readonly heads: HTMLElement[];
  private readonly body = el("tbody", {});
  private readonly above = spacer();
  private readonly below = spacer();
  private readonly table: HTMLTableElement;
  private listed: Listed = { rows: [], chosen: undefined, shortlist: new Set(), speeds: {}, order: { key: "top1", down: true } };
  /** Place that the keys have come to. */
  private at = 0;
  private readonly drawn = new Map<number, HTMLTableRowElement>();
  private readonly id = newId("models");

  constructor(private readonly hands: Hands, signal: AbortSignal) {
    this.heads = COLUMNS.map((column) => this.head(column));
    const tick = el("th", { scope: "col", class: "nbft-cell-tick", title: "Shortlist, to be measured" }, el("span", { class: "nbft-unseen" }, "Shortlist"));
    this.table = el("table", { class: "nbft-table", role: "grid", "aria-label": "Models" },
      el("thead", {}, el("tr", {}, tick, ...this.heads)), el("tbody", { "aria-hidden": "true" }, this.above), this.body,
      el("tbody", { "aria-hidden": "true" }, this.below));
    this.element = el("div", { class: "nbft-table-box", tabindex: "0", role: "group", "aria-label": "Table of models: arrows move, Enter chooses, Space shortlists" }, this.table);
    this.element.addEventListener("scroll", () => this.fill(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.body.addEventListener("click", (event) => this.click(event.target as Element));
    // A tick takes no keys: they stay with the table, whose rows are drawn anew.
    this.body.addEventListener("mousedown", (event) => {
      if (!(event.target as Element).closest(".nbft-cell-tick")) return;
      event.preventDefault();
      this.element.focus({ preventScroll: true });
    });
    const sizes = new ResizeObserver(() => this.fill());
    sizes.observe(this.element);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  draw(listed: Listed): void {
    const anew = listed.rows !== this.listed.rows;
    const turned = listed.chosen !== this.listed.chosen;
    this.listed = listed;
    COLUMNS.forEach(({ key }, place) => {
      const { order } = listed;
      setAttribute(this.heads[place]!, "aria-sort", order.key === key ? (order.down ? "descending" : "ascending") : undefined);
    });
    this.table.classList.toggle("nbft-without-speeds", !Object.keys(listed.speeds).length);
    setAttribute(this.table, "aria-rowcount", String(listed.rows.length + 1));
    if (anew) this.element.scrollTop = 0;
    if (anew || turned) this.at = Math.max(0, listed.chosen ? listed.rows.indexOf(listed.chosen) : 0);
    this.drawn.clear();
    this.fill();
  }

  /** Bring a row into sight. */
  reveal(row: Row): void {
    const place = this.listed.rows.indexOf(row);
    if (place >= 0) this.scrollTo(place);
  }

  private head(column: Column): HTMLElement {
    const button = el("button", { class: "nbft-sort", type: "button", title: column.help }, column.label);
    button.addEventListener("click", () => {
      const { order } = this.listed;
      this.hands.sort({ key: column.key, down: order.key === column.key ? !order.down : column.down });
    });
    return el("th", { scope: "col", class: `nbft-cell-${column.key}` }, button);
  }

  private fill(): void {
    const { rows } = this.listed;
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW_PX) - BEYOND);
    const last = Math.min(rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / ROW_PX) + BEYOND);
    this.above.style.height = `${first * ROW_PX}px`;
    this.below.style.height = `${Math.max(0, rows.length - last) * ROW_PX}px`;
    for (const place of this.drawn.keys()) if (place < first || place >= last) this.drawn.delete(place);
    this.body.replaceChildren(...rows.slice(first, last).map((row, index) => this.row(row, first + index)));
  }

  private row(row: Row, place: number): HTMLTableRowElement {
    const known = this.drawn.get(place);
    if (known) return known;
    const { chosen, shortlist, speeds } = this.listed;
    const tick = el("input", { type: "checkbox", class: "nbft-check", tabindex: "-1", "aria-label": `Shortlist ${row.name}` });
    tick.checked = shortlist.has(row.name);
    const cells = COLUMNS.map((column) => cell(column, row, speeds));
    const made = el("tr", {
      id: `${this.id}-${place}`, "aria-rowindex": String(place + 2), "aria-selected": String(row === chosen), "data-place": String(place),
      class: row === chosen ? "nbft-row-chosen" : undefined,
    }, el("td", { class: "nbft-cell-tick" }, tick), ...cells);
    if (place === this.at) made.classList.add("nbft-row-at");
    this.drawn.set(place, made);
    return made;
  }

  private click(target: Element): void {
    const row = this.listed.rows[Number(target.closest("tr")?.dataset["place"])];
    if (!row) return;
    const tick = target.closest("td")?.querySelector("input");
    // The cell around the box counts as the box: a miss by a pixel must not choose a model.
    if (tick) {
      if (target !== tick) tick.checked = !tick.checked;
      this.hands.shortlist(row, tick.checked);
    } else this.hands.choose(row);
  }

  private press(event: KeyboardEvent): void {
    if (event.target !== this.element) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_PX) - 2);
    const steps: Record<string, number> = {
      ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity,
    };
    const row = this.listed.rows[this.at];
    const step = steps[event.key];
    if (step !== undefined) this.move(step);
    else if (event.key === "Enter" && row) this.hands.choose(row);
    else if (event.key === " " && row) this.hands.shortlist(row, !this.listed.shortlist.has(row.name));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private move(step: number): void {
    this.at = Math.max(0, Math.min(this.listed.rows.length - 1, this.at + step));
    this.scrollTo(this.at);
    this.drawn.clear();
    this.fill();
    setAttribute(this.element, "aria-activedescendant", `${this.id}-${this.at}`);
  }

  private scrollTo(place: number): void {
    const box = this.element;
    const [top, bottom] = [place * ROW_PX, (place + 2) * ROW_PX];
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }
}

function cell(column: Column, row: Row, speeds: Speeds): HTMLElement {
  const made = el("td", { class: `nbft-cell-${column.key}` });
  if (column.key === "name") {
    made.title = `${row.name}: ${[KINDS[row.kind], row.family, row.pretraining].filter(Boolean).join(", ")}`;
    made.append(row.architecture);
    if (row.tag) made.append(el("span", { class: "nbft-match-tag" }, `.${row.tag}`));
    return made;
  }
  setText(made, column.text(row, speeds));
  if (column.key === "weights" && row.cached) made.classList.add("nbft-here");
  if (column.key === "license") {
    made.title = row.license;
    if (licenseFlag(row)) made.classList.add("nbft-flagged");
  }
  return made;
}

function spacer(): HTMLTableRowElement {
  return el("tr", { class: "nbft-spacer" });
}
