// Layer by layer what stays and what goes, and a say in it: keep one whole, or let it lose more or less.

import { el, setAttribute, setText, show } from "../lib/dom";
import { leftAt } from "./board";
import type { Board, Layer } from "./protocol";

type Act = (name: string, value?: unknown) => void;

const LOCK = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 7.5h9v6h-9z"/>'
  + '<path class="nbft-shackle-shut" d="M5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5"/><path class="nbft-shackle-open" d="M5.5 7.5V4.5a2.5 2.5 0 0 1 4.8-1"/></svg>';
/** How far a layer's importance may be pushed. */
const MOST_PUSH = 16;

export class Layers {
  readonly element: HTMLElement;
  private readonly rows = new Map<string, LayerRow>();
  private readonly list = el("div", { class: "nbft-layers", role: "list", "aria-label": "Layers" });
  private readonly reset = el("button", { class: "nbft-text-button", type: "button" }, "Treat all alike");
  private names = "";
  private board: Board = {};
  private amount = 0;

  constructor(private readonly act: Act) {
    const words = "Blue stays, hatched goes. − and + let less or more of a layer go, compared with the others; the lock keeps it whole. Shaded: points of accuracy lost when half of that layer alone goes.";
    this.reset.addEventListener("click", () => act("reset_layers"));
    this.element = el("div", { class: "nbft-layers-box" },
      el("div", { class: "nbft-layers-head" }, el("p", { class: "nbft-note" }, words), this.reset), this.list);
  }

  draw(layers: readonly Layer[], board: Board, amount: number): void {
    const names = layers.map(({ name }) => name).join("\n");
    if (names !== this.names) {
      this.names = names;
      this.rows.clear();
      for (const { name } of layers) this.rows.set(name, new LayerRow(name, this.act));
      this.list.replaceChildren(...[...this.rows.values()].map(({ element }) => element));
    }
    const most = Math.max(0.02, ...layers.map(({ sensitivity }) => sensitivity ?? 0));
    for (const layer of layers) this.rows.get(layer.name)?.take(layer, most);
    show(this.reset, layers.some((layer) => layer.protected || layer.push !== 1));
    this.board = board;
    this.move(amount);
  }

  /** What is left at another amount; nothing is done while nobody sees it. */
  move(amount: number): void {
    this.amount = amount;
    if (!this.list.offsetParent) return;
    for (const [name, row] of this.rows) row.move(leftAt(this.board, name, amount));
  }

  /** Call when it has come into sight. */
  refresh(): void {
    this.move(this.amount);
  }
}

class LayerRow {
  readonly element: HTMLElement;
  private readonly kept = el("i", {});
  private readonly count = el("span", { class: "nbft-layer-count" });
  private readonly lost = el("span", { class: "nbft-layer-lost" });
  private readonly push = el("span", { class: "nbft-layer-push" });
  private readonly lessButton: HTMLButtonElement;
  private readonly moreButton: HTMLButtonElement;
  private readonly lock: HTMLButtonElement;
  private layer: Layer | undefined;
  private left: number | undefined;

  constructor(name: string, act: Act) {
    const push = (by: number) => this.layer && act("push", { layer: name, factor: this.layer.push * by });
    this.lessButton = button("−", `Less of ${name}`, () => push(2));
    this.moreButton = button("+", `More of ${name}`, () => push(0.5));
    this.lock = button("", `Keep all of ${name}`, () => act("protect", { layer: name, on: !this.layer?.protected }));
    this.lock.classList.add("nbft-layer-lock");
    this.lock.innerHTML = LOCK;
    this.element = el("div", { class: "nbft-layer", role: "listitem" },
      // Names differ at their ends: where there is no room the beginning gives way.
      el("span", { class: "nbft-layer-name", title: name }, el("bdi", {}, name)),
      el("span", { class: "nbft-layer-bar", "aria-hidden": "true" }, this.kept),
      this.count, this.lost, this.lessButton, this.push, this.moreButton, this.lock);
  }

  take(layer: Layer, most: number): void {
    this.layer = layer;
    setText(this.push, layer.push === 1 ? "" : `×${Number((1 / layer.push).toPrecision(2))}`);
    setAttribute(this.push, "title", layer.push === 1 ? undefined : `${layer.push > 1 ? "loses less" : "loses more"} than it would: its importance counts ${Number(layer.push.toPrecision(3))} times`);
    this.lessButton.disabled = layer.protected || layer.push >= MOST_PUSH;
    this.moreButton.disabled = layer.protected || layer.push <= 1 / MOST_PUSH;
    setAttribute(this.lock, "aria-pressed", String(layer.protected));
    this.element.classList.toggle("nbft-layer-kept", layer.protected);
    this.sayLost(layer.sensitivity, most);
    this.write();
  }

  move(left: number | undefined): void {
    if (left === this.left) return;
    this.left = left;
    this.write();
  }

  private write(): void {
    if (!this.layer) return;
    const { units, kind } = this.layer;
    const left = this.left ?? units;
    this.kept.style.width = `${(100 * left) / Math.max(1, units)}%`;
    setText(this.count, this.left === undefined ? String(units) : `${left} / ${units}`);
    setAttribute(this.count, "title", `${left} of ${units} ${kind} stay`);
  }

  private sayLost(sensitivity: number | null, most: number): void {
    setText(this.lost, sensitivity === null ? "" : `${sensitivity < 0.0005 ? "" : "−"}${(100 * Math.max(0, sensitivity)).toFixed(1)}`);
    setAttribute(this.lost, "title", sensitivity === null ? undefined : "Points of accuracy lost when half of this layer alone goes");
    this.lost.style.setProperty("--nbft-lost", String(Math.min(1, Math.max(0, sensitivity ?? 0) / most)));
  }
}

function button(words: string, name: string, press: () => void): HTMLButtonElement {
  const made = el("button", { class: "nbft-layer-button", type: "button", "aria-label": name, title: name }, words);
  made.addEventListener("click", press);
  return made;
}
