// One image by itself, with what is known of it and what can be done about it.

import type { AnyModel } from "@anywidget/types";

import { el, OWN_KEYS, setText, show } from "../lib/dom";
import { count, figure } from "../lib/wording";
import { EditButtons } from "./footer";
import { type About, EXCLUDED, fileName, type OnShow, PARTS, type Row } from "./protocol";
import type { Picture, Store } from "./store";
import { edited, photo } from "./tile";

const FACTS = ["Path", "Size", "Class", "Part", "Edits"] as const;

/** What only some galleries know of an image. */
export interface Beside {
  readonly element: HTMLElement;
  /** Names of its facts. */
  readonly facts: readonly string[];
  /** Values of them. */
  values(row: Row): string[];
  /** Draw what stands beside the image; gives the picture to show in its place, where there is one. */
  draw(row: Row): Picture | undefined;
  /** Whether another class is suggested. */
  suggests(row: Row): boolean;
}

export class ImageDialog {
  readonly element: HTMLDialogElement;
  private readonly title = el("h3", { class: "nbft-title" });
  private readonly image = photo();
  private readonly broken = el("p", { class: "nbft-whole-broken" });
  private readonly values: HTMLElement[];
  private readonly before = button("‹", "Previous image");
  private readonly after = button("›", "Next image");
  private readonly close = button("×", "Close");
  private readonly reply = el("p", { class: "nbft-error", "aria-live": "polite" });
  private readonly edits: EditButtons;
  private place = 0;

  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly turnTo: (place: number) => void,
    signal: AbortSignal,
    private readonly beside?: Beside,
  ) {
    const names = [...FACTS, ...(beside?.facts ?? [])];
    this.values = names.map(() => el("dd", {}));
    this.image.className = "nbft-whole";
    this.edits = new EditButtons(model, (value) => this.edit(value));
    const facts = el("dl", { class: "nbft-whole-facts" }, ...names.flatMap((name, index) => [el("dt", {}, name), this.values[index]!]));
    const stage = el("div", { class: "nbft-whole-stage" }, this.before, this.image, this.broken, this.after);
    const head = el("div", { class: "nbft-window-head" }, this.title, this.close);
    this.element = el("dialog", { class: "nbft-window nbft-dialog", "aria-label": "Image", ...OWN_KEYS },
      head, stage, facts, ...(beside ? [beside.element] : []), this.edits.element, this.reply);
    this.before.addEventListener("click", () => this.step(-1));
    this.after.addEventListener("click", () => this.step(1));
    this.close.addEventListener("click", () => this.element.close());
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    store.listen("opened", () => this.draw(), signal);
    store.listen("pictures", () => this.draw(), signal);
    store.listen("rows", () => this.draw(), signal);
    signal.addEventListener("abort", () => this.element.close());
  }

  /** Open the image at a place on show. */
  async open(place: number): Promise<void> {
    this.place = place;
    if (!this.element.open) this.element.showModal();
    this.draw();
    this.say(await this.store.ask("open", { place }));
  }

  draw(): void {
    if (!this.element.open) return;
    const { shown } = this.model.get("on_show") as OnShow;
    this.before.disabled = this.place <= 0;
    this.after.disabled = this.place >= shown - 1;
    const opened = this.store.opened?.place === this.place ? this.store.opened : undefined;
    const row = this.store.row(this.place) ?? opened?.row;
    if (!row) return;
    this.drawPicture(row, this.beside?.draw(row));
    setText(this.title, fileName(row[1]));
    const about = this.model.get("about") as About;
    const size = opened?.width ? `${count(opened.width)} × ${count(opened.height)} px` : "";
    const told = opened?.row[0] === row[0] ? { path: opened.path, size: [size, bytes(opened.bytes)].filter(Boolean).join(", ") } : { path: row[1], size: "" };
    const values = [told.path, told.size, about.classes[row[2]]?.[0] ?? "", PARTS[row[3]]?.[1] ?? "", edited(row[4]) || "none"];
    [...values, ...(this.beside?.values(row) ?? [])].forEach((value, index) => setText(this.values[index]!, value));
    this.edits.draw({ any: row[4] > 0, excluded: (row[4] & EXCLUDED) > 0, suggested: this.beside?.suggests(row) ?? false });
  }

  private drawPicture(row: Row, instead?: Picture): void {
    const whole = instead ?? this.store.picture(`whole ${row[0]}`);
    const picture = whole ?? this.store.picture(`photo ${row[0]}`);
    if (picture?.url && this.image.getAttribute("src") !== picture.url) this.image.src = picture.url;
    show(this.image, Boolean(picture?.url));
    this.image.classList.toggle("nbft-stale", !whole);
    show(this.broken, Boolean(picture?.reason), picture?.reason ? `This file can’t be read: ${picture.reason}` : "");
  }

  private step(by: number): void {
    const { shown } = this.model.get("on_show") as OnShow;
    const place = Math.max(0, Math.min(shown - 1, this.place + by));
    if (place === this.place) return;
    this.turnTo(place);
    void this.open(place);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLSelectElement) return;
    if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "ArrowRight") this.step(1);
    else return;
    event.preventDefault();
  }

  private async edit(value: object): Promise<void> {
    const row = this.store.row(this.place);
    if (!row) return;
    const place = this.place;
    const error = await this.store.ask("edit", { ...value, image: row[0] });
    // The image may have moved or left what is on show: what lies in its place is asked for anew.
    if (!error) await this.store.ask("look", { view: "dialog", first: place, last: place + 1, epochs: 0 });
    if (!error && this.element.open && this.store.row(place)?.[0] !== row[0]) await this.open(place);
    this.say(error);
  }

  private say(error: string): void {
    show(this.reply, Boolean(error), error);
  }
}

function button(words: string, name: string): HTMLButtonElement {
  return el("button", { class: "nbft-button nbft-icon-button", type: "button", "aria-label": name, title: name }, words);
}

function bytes(value: number): string {
  if (!value) return "";
  if (value < 1e3) return `${value} B`;
  return value < 1e6 ? `${figure(value / 1e3)} kB` : `${figure(value / 1e6)} MB`;
}
