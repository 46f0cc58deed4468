// The grid of pictures: of any number of images, those in sight are drawn and asked for.

import type { AnyModel } from "@anywidget/types";

import { el, newId, setAttribute, show } from "../lib/dom";
import type { Display, GridTile } from "./display";
import { GAP, isIn, neighbour, type Plan, rowsInSight, scrollTo } from "./geometry";
import type { About, OnShow, Selected } from "./protocol";
import type { Store } from "./store";

const ASK_EVERY_MS = 80;
const ASK_AGAIN_MS = 2500;

export interface Host {
  display(): Display;
  /** A sentence for where nothing is on show. */
  nothing(about: About): string;
  open(place: number): void;
  say(error: string): void;
}

export class Grid {
  readonly element = el("div", { class: "nbft-grid-box", tabindex: "0", role: "listbox", "aria-multiselectable": "true", "aria-label": "Images" });
  private readonly sheet = el("div", { class: "nbft-grid-sheet", role: "presentation" });
  private readonly empty = el("p", { class: "nbft-empty" });
  private readonly name = newId("grid");
  private readonly tiles = new Map<number, GridTile>();
  private display: Display;
  private plan: Plan;
  private active = 0;
  private anchor = 0;
  private askedAt = 0;
  private asking = 0;
  private scheduled = false;
  private wanted = "";

  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly host: Host,
    signal: AbortSignal,
  ) {
    this.display = host.display();
    this.plan = this.display.plan(0, 0);
    this.element.append(this.sheet, this.empty);
    this.element.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.element.addEventListener("click", (event) => this.onClick(event));
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    // Ctrl with a click selects; on a Mac the same would open a menu.
    this.element.addEventListener("contextmenu", (event) => event.ctrlKey && event.preventDefault());
    const sizes = new ResizeObserver(() => this.schedule());
    sizes.observe(this.element);
    const draw = () => this.schedule();
    store.listen("rows", draw, signal);
    store.listen("pictures", draw, signal);
    const again = setInterval(() => this.askAgain(), ASK_AGAIN_MS);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      clearInterval(again);
      clearTimeout(this.asking);
    });
  }

  /** Draw in the next frame. */
  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  /** Back to the first image: another question was asked. */
  rewind(): void {
    this.element.scrollTop = 0;
    this.active = this.anchor = 0;
  }

  private get shown(): OnShow {
    return this.model.get("on_show") as OnShow;
  }

  private draw(): void {
    const width = this.sheet.clientWidth;
    if (!width) return;
    const about = this.model.get("about") as About;
    const { shown } = this.shown;
    this.lay(width, shown);
    const words = about.trouble || (shown ? "" : this.host.nothing(about));
    show(this.empty, Boolean(words), words);
    this.empty.classList.toggle("nbft-error", Boolean(about.trouble));
    const [first, last] = this.inSight(1);
    for (const [place, tile] of this.tiles) {
      if (place >= first && place < last) continue;
      tile.element.remove();
      this.tiles.delete(place);
    }
    for (let place = first; place < last; place += 1) this.drawTile(place);
    setAttribute(this.element, "aria-activedescendant", this.tiles.has(this.active) ? `${this.name}-${this.active}` : undefined);
    if (this.lacks(first, last)) this.askSoon();
  }

  private lay(width: number, images: number): void {
    const display = this.host.display();
    this.plan = display.plan(width, images);
    this.sheet.style.height = `${this.plan.height}px`;
    this.element.style.setProperty("--nbft-tile", `${this.plan.tile}px`);
    if (display.name === this.display.name) return;
    this.display = display;
    this.sheet.replaceChildren();
    this.tiles.clear();
    this.element.scrollTop = 0;
  }

  /** Places of the images in sight. */
  private inSight(spare: number): [number, number] {
    const [first, last] = rowsInSight(this.plan, this.element.scrollTop, this.element.clientHeight, spare);
    const { each } = this.plan;
    return [first * each, Math.min(last * each, this.shown.shown)];
  }

  private drawTile(place: number): void {
    const { spans } = this.model.get("selected") as Selected;
    const tile = this.tiles.get(place) ?? this.newTile(place);
    const { each, tile: side, rowHeight } = this.plan;
    tile.element.style.transform = `translate(${(place % each) * (side + GAP)}px, ${Math.floor(place / each) * rowHeight}px)`;
    tile.draw({ row: this.store.row(place), selected: isIn(spans, place), active: place === this.active });
  }

  private newTile(place: number): GridTile {
    const tile = this.display.newTile(`${this.name}-${place}`, place);
    this.tiles.set(place, tile);
    this.sheet.append(tile.element);
    return tile;
  }

  private lacks(first: number, last: number): boolean {
    for (let place = first; place < last; place += 1) {
      const row = this.store.row(place);
      if (!row || !this.store.isFresh(place)) return true;
      if (!this.store.picture(this.display.lastKey(row[0], this.plan))) return true;
    }
    return false;
  }

  /** At once where nothing was asked of late; a hand that scrolls on is not followed row by row. */
  private askSoon(): void {
    if (this.asking) return;
    const rest = Math.max(0, this.askedAt + ASK_EVERY_MS - performance.now());
    this.asking = window.setTimeout(() => void this.askNow(), rest);
  }

  private async askNow(): Promise<void> {
    this.asking = 0;
    const [first, last] = this.inSight(1);
    const want = `${this.shown.version} ${this.display.lastKey(0, this.plan)} ${first} ${last}`;
    if (want === this.wanted) return;
    this.wanted = want;
    this.askedAt = performance.now();
    const error = await this.store.ask("look", { view: this.name, first, last, epochs: this.display.draws(this.plan) });
    if (error) this.host.say(error);
  }

  /** What was lost on its way is asked for once more. */
  private askAgain(): void {
    const quiet = performance.now() - Math.max(this.store.heardAt, this.askedAt) > ASK_AGAIN_MS;
    if (!quiet || !this.element.isConnected || document.hidden) return;
    const [first, last] = this.inSight(1);
    if (!this.lacks(first, last)) return;
    this.wanted = "";
    this.askSoon();
  }

  private onClick(event: MouseEvent): void {
    const target = event.target as Element;
    const tile = target.closest<HTMLElement>("[data-place]");
    if (!tile) return;
    const place = Number(tile.dataset["place"]);
    this.turnTo(place);
    if (event.shiftKey) void this.select(this.anchor, place, "add");
    else if (event.ctrlKey || event.metaKey || target.closest(".nbft-tile-check")) {
      this.anchor = place;
      void this.select(place, place, "toggle");
    } else {
      this.anchor = place;
      this.host.open(place);
    }
  }

  private onKey(event: KeyboardEvent): void {
    const command = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.plan.rowHeight));
    const next = neighbour(event.key, this.active, this.plan.each, page, this.shown.shown);
    if (next !== undefined && !command) {
      if (event.shiftKey) void this.select(Math.min(this.anchor, next), Math.max(this.anchor, next), "only");
      else this.anchor = next;
      this.turnTo(next);
    } else if (event.key === " ") {
      this.anchor = this.active;
      void this.select(this.active, this.active, "toggle");
    } else if (event.key === "Enter") this.host.open(this.active);
    else if (event.key === "Escape") void this.select(0, 0, "none");
    else if (event.key.toLowerCase() === "a" && command) void this.select(0, 0, "all");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Make a place the one that keys act on, and bring it into sight. */
  turnTo(place: number): void {
    this.active = place;
    const row = Math.floor(place / this.plan.each);
    this.element.scrollTop = scrollTo(this.plan, row, this.element.scrollTop, this.element.clientHeight);
    this.schedule();
  }

  private async select(first: number, last: number, mode: string): Promise<void> {
    const error = await this.store.ask("select", { first, last, mode });
    if (error) this.host.say(error);
  }
}
