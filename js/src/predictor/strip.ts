// The last pictures side by side, with the answer below each.

import { el, newId, setAttribute, setText, show } from "../lib/dom";
import { percent, type Shown } from "./protocol";
import type { Pending, Store } from "./store";

class Thumb {
  readonly id = newId("thumb");
  readonly element: HTMLElement;
  private readonly image = el("img", { class: "nbft-thumb-image", alt: "", draggable: "false" });
  private readonly label = el("span", { class: "nbft-thumb-label" });
  private readonly value = el("span", { class: "nbft-thumb-value" });

  constructor() {
    const frame = el("span", { class: "nbft-thumb-frame" }, this.image);
    this.element = el("div", { class: "nbft-thumb", role: "option", id: this.id }, frame, this.label, this.value);
  }

  draw(url: string, name: string, label: string, value: string): void {
    if (url && this.image.getAttribute("src") !== url) this.image.src = url;
    show(this.image, Boolean(url));
    setText(this.label, label);
    setText(this.value, value);
    setAttribute(this.element, "aria-label", [name, label, value].filter(Boolean).join(", "));
    setAttribute(this.element, "title", name);
  }
}

export class Strip {
  readonly element = el("div", { class: "nbft-pictures", role: "listbox", "aria-label": "Pictures", tabindex: "0" });
  private readonly thumbs = new Map<number | Pending, Thumb>();

  constructor(private readonly store: Store, private readonly choose: (id: number) => void) {
    this.element.addEventListener("keydown", (event) => this.walk(event));
  }

  draw(classes: string[], chosen: number | undefined): void {
    const { shown, pending } = this.store;
    const order: (number | Pending)[] = [...[...pending].reverse(), ...shown.map(({ id }) => id)];
    for (const [key, thumb] of this.thumbs) {
      if (order.includes(key)) continue;
      thumb.element.remove();
      this.thumbs.delete(key);
    }
    for (const one of pending) this.thumb(one).draw(one.url, one.name, "sending …", "");
    for (const one of shown) this.drawOne(one, classes, one.id === chosen);
    order.forEach((key, place) => {
      const { element } = this.thumb(key);
      if (this.element.children[place] !== element) this.element.insertBefore(element, this.element.children[place] ?? null);
    });
    setAttribute(this.element, "aria-activedescendant", chosen === undefined ? undefined : this.thumbs.get(chosen)?.id);
  }

  private drawOne(one: Shown, classes: string[], chosen: boolean): void {
    const thumb = this.thumb(one.id);
    const [first] = one.top;
    const label = one.state === "waiting" ? "…" : first ? classes[first[0]] ?? "" : "no answer";
    thumb.draw(this.store.picture("photo", one.id)?.url ?? "", one.name, label, first ? percent(first[1]) : "");
    setAttribute(thumb.element, "aria-selected", String(chosen));
    thumb.element.classList.toggle("nbft-thumb-failed", one.state === "failed");
  }

  private thumb(key: number | Pending): Thumb {
    const known = this.thumbs.get(key);
    if (known) return known;
    const made = new Thumb();
    if (typeof key === "number") made.element.addEventListener("click", () => this.choose(key));
    else made.element.classList.add("nbft-thumb-pending");
    this.thumbs.set(key, made);
    return made;
  }

  private walk(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const ids = this.store.shown.map(({ id }) => id);
    const at = ids.findIndex((id) => this.thumbs.get(id)?.element.getAttribute("aria-selected") === "true");
    const next = ids[Math.max(0, Math.min(ids.length - 1, at + step))];
    if (next === undefined) return;
    this.choose(next);
    this.thumbs.get(next)?.element.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
