// The grid of pictures: of any number of images, those in sight are drawn and asked for.

import type { AnyModel } from "@anywidget/types";

import { el, newId, setAttribute, show } from "../lib/dom";
import { isIn, neighbour, type Plan, photoPlan, rowsInSight, scrollTo, viewsPlan } from "./geometry";
import { Strip } from "./strip";
import type { About, LensState, OnShow, Scan, Selected } from "./protocol";
import type { Store } from "./store";
import { Tile } from "./tile";

/** Width that a picture has at least, in a narrow place and in a wide one. */
const LEAST = { narrow: 62, wide: 104 };
const NARROW = 480;
const CAPTION = 20;
/** Draws of an image side by side, at most. */
const MOST_VIEWS = 12;
const ASK_EVERY_MS = 80;
const ASK_AGAIN_MS = 2500;

export class Grid {
  readonly element = el("div", { class: "nbft-grid-box", tabindex: "0", role: "listbox", "aria-multiselectable": "true", "aria-label": "Images" });
  private readonly sheet = el("div", { class: "nbft-grid-sheet", role: "presentation" });
  private readonly empty = el("p", { class: "nbft-empty" });
  private readonly name = newId("grid");
  private readonly tiles = new Map<number, Tile | Strip>();
  private plan: Plan = photoPlan(0, 0, LEAST.wide, CAPTION);
  private active = 0;
  private anchor = 0;
  private askedAt = 0;
  private asking = 0;
  private scheduled = false;
  private asModel = false;

  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly open: (place: number) => void,
    private readonly say: (error: string) => void,
    signal: AbortSignal,
  ) {
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

  private get(): { about: About; shown: OnShow; selected: Selected; lens: LensState } {
    const { model } = this;
    return {
      about: model.get("about") as About,
      shown: model.get("on_show") as OnShow,
      selected: model.get("selected") as Selected,
      lens: model.get("lens") as LensState,
    };
  }

  private draw(): void {
    const width = this.sheet.clientWidth;
    if (!width) return;
    const { about, shown, lens } = this.get();
    this.lay(width, shown.shown, lens.on);
    const words = about.trouble || (shown.shown ? "" : waiting(about, this.model.get("scan") as Scan));
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

  private lay(width: number, images: number, asModel: boolean): void {
    const least = width < NARROW ? LEAST.narrow : LEAST.wide;
    this.plan = asModel
      ? viewsPlan(width, images, least, CAPTION, MOST_VIEWS)
      : photoPlan(width, images, least, CAPTION);
    this.sheet.style.height = `${this.plan.height}px`;
    this.element.style.setProperty("--nbft-tile", `${this.plan.tile}px`);
    if (asModel === this.asModel) return;
    this.asModel = asModel;
    this.sheet.replaceChildren();
    this.tiles.clear();
    this.element.scrollTop = 0;
  }

  /** Places of the images in sight. */
  private inSight(spare: number): [number, number] {
    const [first, last] = rowsInSight(this.plan, this.element.scrollTop, this.element.clientHeight, spare);
    const each = this.asModel ? 1 : this.plan.columns;
    return [first * each, Math.min(last * each, this.get().shown.shown)];
  }

  private drawTile(place: number): void {
    const { about, shown, selected, lens } = this.get();
    const tile = this.tiles.get(place) ?? this.newTile(place);
    const each = this.asModel ? 1 : this.plan.columns;
    const x = (place % each) * (this.plan.tile + 8);
    tile.element.style.transform = `translate(${x}px, ${Math.floor(place / each) * this.plan.rowHeight}px)`;
    const row = this.store.row(place);
    const label = row ? (about.classes[row[2]]?.[0] ?? "") : "";
    const state = { row, label, selected: isIn(selected.spans, place), active: place === this.active };
    if (tile instanceof Strip) {
      const views = Array.from({ length: this.plan.columns }, (_, epoch) =>
        row && this.store.picture(`seen ${row[0]} ${epoch} ${lens.stamp}`));
      tile.draw({ ...state, views });
    } else {
      const caption = row && shown.query.label ? row[1].slice(row[1].lastIndexOf("/") + 1) : label;
      tile.draw({ ...state, caption, picture: row && this.store.picture(`photo ${row[0]}`) });
    }
  }

  private newTile(place: number): Tile | Strip {
    const id = `${this.name}-${place}`;
    const tile = this.asModel ? new Strip(id, place) : new Tile(id, place);
    this.tiles.set(place, tile);
    this.sheet.append(tile.element);
    return tile;
  }

  private lacks(first: number, last: number): boolean {
    const { lens } = this.get();
    for (let place = first; place < last; place += 1) {
      const row = this.store.row(place);
      if (!row || !this.store.isFresh(place)) return true;
      const key = this.asModel ? `seen ${row[0]} ${this.plan.columns - 1} ${lens.stamp}` : `photo ${row[0]}`;
      if (!this.store.picture(key)) return true;
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
    const want = `${this.get().shown.version} ${this.get().lens.stamp} ${this.asModel} ${this.plan.columns} ${first} ${last}`;
    if (want === this.wanted) return;
    this.wanted = want;
    this.askedAt = performance.now();
    const epochs = this.asModel ? this.plan.columns : 0;
    const error = await this.store.ask("look", { view: this.name, first, last, epochs });
    if (error) this.say(error);
  }

  private wanted = "";

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
      this.open(place);
    }
  }

  private onKey(event: KeyboardEvent): void {
    const { shown } = this.get();
    const command = event.ctrlKey || event.metaKey;
    const each = this.asModel ? 1 : this.plan.columns;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.plan.rowHeight));
    const next = neighbour(event.key, this.active, each, page, shown.shown);
    if (next !== undefined && !command) {
      if (event.shiftKey) void this.select(Math.min(this.anchor, next), Math.max(this.anchor, next), "only");
      else this.anchor = next;
      this.turnTo(next);
    } else if (event.key === " ") {
      this.anchor = this.active;
      void this.select(this.active, this.active, "toggle");
    } else if (event.key === "Enter") this.open(this.active);
    else if (event.key === "Escape") void this.select(0, 0, "none");
    else if (event.key.toLowerCase() === "a" && command) void this.select(0, 0, "all");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Make a place the one that keys act on, and bring it into sight. */
  turnTo(place: number): void {
    this.active = place;
    const row = this.asModel ? place : Math.floor(place / this.plan.columns);
    this.element.scrollTop = scrollTo(this.plan, row, this.element.scrollTop, this.element.clientHeight);
    this.schedule();
  }

  private async select(first: number, last: number, mode: string): Promise<void> {
    const error = await this.store.ask("select", { first, last, mode });
    if (error) this.say(error);
  }
}

function waiting(about: About, scan: Scan): string {
  if (!about.complete) return "The images are being listed.";
  return scan.state === "running" || about.total ? "No image fits the search." : "There are no images.";
}
