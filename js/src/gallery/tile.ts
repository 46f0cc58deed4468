// One picture of the grid: the image, or why there is none, with its class and its marks.

import { el, setAttribute, setText, show } from "../lib/dom";
import { EXCLUDED, fileName, MOVED, PARTS, RELABELLED, type Row } from "./protocol";
import type { Picture } from "./store";

export interface Shown {
  row: Row | undefined;
  picture: Picture | undefined;
  caption: string;
  label: string;
  selected: boolean;
  active: boolean;
}

export class Tile {
  readonly element: HTMLElement;
  private readonly image = photo();
  private readonly broken = el("span", { class: "nbft-tile-broken" });
  private readonly check = el("span", { class: "nbft-tile-check", "aria-hidden": "true" });
  private readonly mark = el("span", { class: "nbft-tile-mark" });
  private readonly text = el("span", { class: "nbft-tile-text" });
  private readonly part = el("span", { class: "nbft-tile-part" });
  private url = "";

  constructor(id: string, place: number) {
    const frame = el("span", { class: "nbft-tile-frame" }, this.image, this.broken, this.check, this.mark);
    const caption = el("span", { class: "nbft-tile-caption" }, this.text, this.part);
    this.element = el("div", { class: "nbft-tile", role: "option", id, "data-place": String(place) }, frame, caption);
  }

  draw({ row, picture, caption, label, selected, active }: Shown): void {
    const { element } = this;
    setAttribute(element, "aria-selected", String(selected));
    element.classList.toggle("nbft-active", active);
    this.drawPicture(picture);
    if (!row) return;
    const [, name, , part, marks] = row;
    const words = PARTS[part]?.[1] ?? "";
    setText(this.text, caption);
    setText(this.part, part === 1 ? "val" : part === 2 && !(marks & EXCLUDED) ? "out" : "");
    setAttribute(this.part, "data-part", String(part));
    element.classList.toggle("nbft-excluded", (marks & EXCLUDED) > 0);
    show(this.mark, marks > 0, edited(marks));
    const told = [fileName(name), label, words, marks ? edited(marks) : "", picture?.reason ?? ""];
    setAttribute(element, "aria-label", told.filter(Boolean).join(", "));
    setAttribute(element, "title", `${name}\n${label}, ${words}${picture?.reason ? `\n${picture.reason}` : ""}`);
  }

  private drawPicture(picture: Picture | undefined): void {
    const url = picture?.url ?? "";
    if (url !== this.url) {
      this.url = url;
      if (url) this.image.src = url;
      else this.image.removeAttribute("src");
    }
    show(this.image, Boolean(url));
    show(this.broken, Boolean(picture?.reason), picture?.reason ?? "");
  }
}

/** Images up to this side are shown with their pixels, as the kernel sends them. */
const TINY = 64;

/** An element for a picture; what it shows is told by the text around it. */
export function photo(): HTMLImageElement {
  const image = el("img", { class: "nbft-tile-image", alt: "", draggable: "false", decoding: "async" });
  const look = () => image.classList.toggle("nbft-tiny", image.naturalWidth <= TINY);
  image.addEventListener("load", look);
  return image;
}

/** What was edited, in a word or two. */
export function edited(marks: number): string {
  if (marks & EXCLUDED) return "excluded";
  const words = [marks & RELABELLED ? "relabelled" : "", marks & MOVED ? "moved" : ""];
  return words.filter(Boolean).join(", ");
}
