// One image as the model sees it: as validation does, and as epoch after epoch draws it.

import { EXCLUDED, fileName, PARTS, type Row } from "../gallery/protocol";
import type { Picture } from "../gallery/store";
import { edited, photo } from "../gallery/tile";
import { el, setAttribute, setText, show } from "../lib/dom";

export interface Shown {
  row: Row | undefined;
  label: string;
  selected: boolean;
  active: boolean;
  /** As validation sees it, then epoch 1, 2, … */
  views: (Picture | undefined)[];
}

export class Strip {
  readonly element: HTMLElement;
  private readonly caption = el("span", { class: "nbft-strip-caption" });
  private readonly views = el("span", { class: "nbft-strip-views" });
  private readonly images: HTMLImageElement[] = [];
  private image = -1;
  private readonly broken = el("span", { class: "nbft-tile-broken" });

  constructor(id: string, place: number) {
    this.element = el("div", { class: "nbft-strip", role: "option", id, "data-place": String(place) },
      this.caption, this.views, this.broken);
  }

  draw({ row, label, selected, active, views }: Shown): void {
    setAttribute(this.element, "aria-selected", String(selected));
    this.element.classList.toggle("nbft-active", active);
    if (row && row[0] !== this.image) {
      this.image = row[0];
      for (const image of this.images) image.removeAttribute("src");
    }
    views.forEach((view, epoch) => this.drawView(view, epoch));
    while (this.images.length > views.length) this.images.pop()?.closest("figure")?.remove();
    const reason = views.find((view) => view?.reason)?.reason ?? "";
    show(this.broken, Boolean(reason), reason);
    if (!row) return;
    const [, name, , part, marks] = row;
    const told = [label, PARTS[part]?.[1] ?? "", edited(marks), fileName(name)].filter(Boolean).join(" · ");
    setText(this.caption, told);
    setAttribute(this.element, "aria-label", `${told}${reason ? `, ${reason}` : ""}`);
    setAttribute(this.element, "title", name);
    this.element.classList.toggle("nbft-excluded", (marks & EXCLUDED) > 0);
  }

  private drawView(view: Picture | undefined, epoch: number): void {
    let image = this.images[epoch];
    if (!image) {
      image = photo();
      this.images.push(image);
      const words = epoch ? `epoch ${epoch}` : "validation";
      this.views.append(el("figure", { class: "nbft-view" }, image, el("figcaption", {}, words)));
    }
    if (view?.url && image.getAttribute("src") !== view.url) image.src = view.url;
    // A picture drawn with other settings is better than none until the new one comes.
    image.classList.toggle("nbft-stale", !view);
  }
}
