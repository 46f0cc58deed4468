// The card of a chosen model; Python has written every word of it.

import { el, show } from "../lib/dom";
import type { CardFacts } from "./protocol";

export class Card {
  readonly element = el("div", { class: "nbft-model-card", role: "group", "aria-label": "Chosen model" });
  private drawn = "";

  draw(facts: CardFacts): void {
    const key = JSON.stringify(facts);
    if (key === this.drawn) return;
    this.drawn = key;
    const { heading, sentence, rows = [], warnings = [], links = [] } = facts;
    show(this.element, Boolean(heading || sentence || rows.length));
    const parts: HTMLElement[] = [];
    if (heading) parts.push(el("h4", { class: "nbft-model-heading" }, heading));
    if (sentence) parts.push(el("p", { class: "nbft-model-sentence" }, sentence));
    if (rows.length) parts.push(el("dl", { class: "nbft-model-facts" }, ...rows.flatMap(fact)));
    parts.push(...warnings.map((warning) => el("p", { class: "nbft-model-warning" }, warning)));
    if (links.length) parts.push(el("p", { class: "nbft-model-links" }, ...links.map(link)));
    this.element.replaceChildren(...parts);
  }
}

function fact([label, text, tone]: [string, string, string]): HTMLElement[] {
  return [el("dt", {}, label), el("dd", { class: tone ? `nbft-tone-${tone}` : undefined }, text)];
}

function link([text, url]: [string, string]): HTMLElement {
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}
