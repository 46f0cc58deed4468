// What answers to a search, over the rest of the page and never in its way.

import { el, setAttribute, show } from "../lib/dom";
import { count } from "../lib/wording";
import type { Row } from "./protocol";
import type { Found } from "./search";
import { inShort, licenseFlag, percent, weights } from "./words";

/** Matches that are drawn; who needs more of them compares. */
const MOST = 40;
const WIDTH_PX = 400;
const HEIGHT_PX = 380;
const EDGE_PX = 8;

export class MatchList {
  readonly element: HTMLElement;
  readonly listbox: HTMLElement;
  private readonly words = el("p", { class: "nbft-match-words" });
  private readonly rest = el("button", { class: "nbft-text-button nbft-match-rest", type: "button", tabindex: "-1" });
  private options: HTMLElement[] = [];

  constructor(id: string, choose: (row: Row) => void, compare: () => void) {
    this.listbox = el("div", { id, class: "nbft-matches", role: "listbox", "aria-label": "Models" });
    this.element = el("div", { class: "nbft-match-box", popover: "manual" }, this.words, this.listbox, this.rest);
    this.element.hidden = !("showPopover" in this.element);
    // The box keeps the keys while the list is clicked.
    this.element.addEventListener("mousedown", (event) => event.preventDefault());
    this.listbox.addEventListener("click", (event) => {
      const place = this.options.indexOf((event.target as Element).closest<HTMLElement>('[role="option"]')!);
      const row = this.rows[place];
      if (row) choose(row);
    });
    this.rest.addEventListener("click", compare);
  }

  private rows: Row[] = [];

  get open(): boolean {
    return this.listbox.dataset["open"] === "true";
  }

  get size(): number {
    return this.options.length;
  }

  /** Matches, the best first, with words above them; nothing is pointed at. */
  draw(found: readonly Found[], words: string, offline: boolean): void {
    this.rows = found.slice(0, MOST).map(({ row }) => row);
    this.options = this.rows.map((row, place) => option(row, `${this.listbox.id}-${place}`, offline));
    this.listbox.replaceChildren(...this.options);
    this.listbox.scrollTop = 0;
    show(this.words, Boolean(words), words);
    show(this.rest, found.length > 1, `Compare ${found.length === 2 ? "both" : `all ${count(found.length)}`}…`);
  }

  /** Point at a match; gives its id. */
  point(place: number): string | undefined {
    this.options.forEach((one, at) => setAttribute(one, "aria-selected", String(at === place)));
    const option = this.options[place];
    if (option) keepInSight(this.listbox, option);
    return option?.id;
  }

  show(anchor: HTMLElement): void {
    this.listbox.dataset["open"] = "true";
    if (!this.element.isConnected) return;
    if ("showPopover" in this.element) this.element.showPopover();
    else (this.element as HTMLElement).hidden = false;
    this.place(anchor);
  }

  hide(): void {
    if (!this.open) return;
    this.listbox.dataset["open"] = "false";
    if ("hidePopover" in this.element) {
      if (this.element.matches(":popover-open")) this.element.hidePopover();
    } else (this.element as HTMLElement).hidden = true;
  }

  /** Lie below the box, or above it where there is more room. */
  place(anchor: HTMLElement): void {
    const box = anchor.getBoundingClientRect();
    const [below, above] = [innerHeight - box.bottom - EDGE_PX, box.top - EDGE_PX];
    const under = below >= Math.min(HEIGHT_PX, above);
    const width = Math.min(Math.max(box.width, WIDTH_PX), innerWidth - 2 * EDGE_PX);
    const { style } = this.element;
    style.width = `${width}px`;
    style.maxHeight = `${Math.min(HEIGHT_PX, under ? below : above)}px`;
    style.left = `${Math.max(EDGE_PX, Math.min(box.left, innerWidth - width - EDGE_PX))}px`;
    style.top = under ? `${box.bottom + 2}px` : "auto";
    style.bottom = under ? "auto" : `${innerHeight - box.top + 2}px`;
  }
}

function option(row: Row, id: string, offline: boolean): HTMLElement {
  const name = el("span", { class: "nbft-match-name" }, row.architecture);
  if (row.tag) name.append(el("span", { class: "nbft-match-tag" }, `.${row.tag}`));
  const flag = licenseFlag(row);
  const size = row.pretrained ? weights(row) : "no weights";
  const where = row.cached ? "✓ here" : offline && row.pretrained ? `${size}, not here` : size;
  const place = el("span", { class: row.cached ? "nbft-here" : undefined }, where);
  const facts = el("span", { class: "nbft-match-facts" }, `${inShort(row)} · `, place);
  if (flag) facts.append(" · ", el("span", { class: "nbft-flagged" }, flag));
  const top1 = el("span", { class: "nbft-match-top1", title: "ImageNet top-1" }, percent(row.top1));
  return el("div", { id, class: "nbft-match", role: "option", "aria-selected": "false" }, name, top1, facts);
}

/** Scroll within the list only: the page stays where it is. */
export function keepInSight(box: HTMLElement, item: HTMLElement): void {
  const [top, bottom] = [item.offsetTop - box.offsetTop, item.offsetTop - box.offsetTop + item.offsetHeight];
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}
