// Which classes are taken for which: the matrix, whose cells open their images, and the same as a list.

import type { AnyModel } from "@anywidget/types";

import { SmallPlot } from "../charts/small_plot";
import type { About, OnShow } from "../gallery/protocol";
import type { Store } from "../gallery/store";
import { el, setAttribute, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import { matrixFigure } from "./matrix";
import type { Confusion, PerClass, Query } from "./protocol";
import { cellWords, pairWords } from "./words";

/** Pairs in the list, at most. */
const MOST_PAIRS = 12;

export class ConfusionView {
  readonly element: HTMLElement;
  private readonly plot: SmallPlot;
  private readonly words = el("p", { class: "nbft-note" });
  private readonly list = el("ul", { class: "nbft-pairs", "aria-label": "Most confused" });
  private readonly none = el("p", { class: "nbft-note" }, "No class was taken for another.");
  private drawn = "";

  /** `choose` shows the images of a label and a predicted class. */
  constructor(
    private readonly model: AnyModel,
    store: Store,
    private readonly choose: (label: string, predicted: string) => void,
    signal: AbortSignal,
  ) {
    this.plot = new SmallPlot(store.plotly, (frame) => {
      const { confusion, chosen, support } = this.known();
      return confusion.cells?.length ? matrixFigure(confusion, support, chosen, frame) : undefined;
    }, signal, (point) => this.press(point));
    const title = el("h4", { title: "Click a cell to see its images" }, "Confusion matrix");
    const matrix = el("div", { class: "nbft-matrix", role: "group", "aria-label": "Confusion matrix" }, title, this.plot.element, this.words);
    this.element = el("div", { class: "nbft-confusion" }, matrix, el("div", { class: "nbft-confused" }, el("h4", {}, "Most confused"), this.list, this.none));
  }

  /** `withPlot`: Plotly's turn has come. */
  draw(withPlot: boolean): void {
    const { confusion, chosen } = this.known();
    this.drawList(confusion, chosen);
    show(this.words, Boolean(confusion.words), confusion.words ?? "");
    if (withPlot) this.plot.draw();
  }

  private known() {
    const { query } = this.model.get("on_show") as OnShow<Query>;
    const { classes } = this.model.get("about") as About;
    const support = new Map((this.model.get("per_class") as PerClass[]).map((row): [string, number] => [classes[row[0]]?.[0] ?? "", row[4]]));
    const chosen = query.group === "cell" ? [query.label, query.predicted] as const : undefined;
    return { confusion: this.model.get("confusion") as Confusion, support, chosen };
  }

  private drawList(confusion: Confusion, chosen: readonly [string, string] | undefined): void {
    const pairs = mostConfused(confusion);
    const key = JSON.stringify(pairs);
    if (key !== this.drawn) {
      this.drawn = key;
      this.list.replaceChildren(...pairs.map((pair) => this.item(pair, pairs[0]![2])));
    }
    show(this.none, !pairs.length);
    for (const button of this.list.querySelectorAll("button")) {
      const { label, predicted } = button.dataset;
      setAttribute(button, "aria-pressed", String(label === chosen?.[0] && predicted === chosen?.[1]));
    }
  }

  private item([label, predicted, images]: [string, string, number], most: number): HTMLElement {
    const words = cellWords(label, predicted, images);
    const number = el("span", { class: "nbft-pair-count" });
    setText(number, count(images));
    const button = el("button", {
      class: "nbft-pair", type: "button", "aria-label": words, title: `${words}: show them`, "data-label": label, "data-predicted": predicted,
    }, el("span", { class: "nbft-pair-words" }, pairWords(label, predicted)), number);
    button.style.setProperty("--nbft-part", String(images / most));
    button.addEventListener("click", () => this.choose(label, predicted));
    return el("li", {}, button);
  }

  private press(point: number): void {
    const { classes, cells } = this.model.get("confusion") as Confusion;
    const [label, predicted] = cells[point] ?? [];
    if (label !== undefined && predicted !== undefined) this.choose(classes[label] ?? "", classes[predicted] ?? "");
  }
}

/** Pairs of classes of which one was taken for the other, the most frequent first. */
export function mostConfused({ classes = [], cells = [] }: Partial<Confusion>): [string, string, number][] {
  return cells
    .filter(([label, predicted]) => label !== predicted)
    .sort((one, other) => other[2] - one[2])
    .slice(0, MOST_PAIRS)
    .map(([label, predicted, images]) => [classes[label] ?? "", classes[predicted] ?? "", images]);
}
