// The place of the curve: until there is one, what is to be done for it.

import { el, setText, show } from "../lib/dom";
import type { Curve } from "./curve";
import type { Phase, Point, State } from "./protocol";

const WORDS: Record<Phase, string> = {
  no_run: "No run yet. Train a model first; then this shows how much of it can go.",
  no_best: "The run has kept no model yet: there is one to prune after its first epoch.",
  idle: "Copies of the best model are pruned and tried on the validation images, in a process of their own; the run stays as it is.",
  starting: "Loading the best model and its images …",
  measuring: "The first position is being measured …",
  ready: "",
  failed: "The measuring failed.",
};
const ZEROS = "Single weights become zero and stay so. That makes a model neither smaller nor faster, and nothing is predicted: recovery tells.";

export interface Doing {
  study(): void;
  cancel(): void;
  weights(): void;
}

export class Stage {
  readonly element: HTMLElement;
  readonly foot: HTMLElement;
  private readonly words = el("p", {});
  private readonly begin = el("button", { class: "nbft-button nbft-pruning-begin", type: "button" });
  private readonly weights = el("button", { class: "nbft-button nbft-pruning-begin", type: "button" }, "Prune single weights instead");
  private readonly busy = el("progress", { class: "nbft-pruning-busy", "aria-label": "Loading" });
  private readonly over: HTMLElement;
  private readonly keys: HTMLElement;
  private readonly recovered = key("recovered");
  private readonly progress = el("span", { class: "nbft-pruning-progress", role: "status" });
  private readonly remark = el("p", { class: "nbft-note nbft-pruning-remark", "aria-live": "polite" });
  private readonly cancel = el("button", { class: "nbft-text-button", type: "button" }, "Stop measuring");
  private readonly again = el("button", { class: "nbft-text-button", type: "button" }, "Measure again");

  constructor(private readonly curve: Curve, doing: Doing) {
    this.over = el("div", { class: "nbft-pruning-over" }, this.busy, this.words, el("div", { class: "nbft-row" }, this.begin, this.weights));
    this.element = el("div", { class: "nbft-pruning-stage" }, curve.element, this.over);
    this.keys = el("span", { class: "nbft-pruning-keys" }, key("predicted"), key("measured"), this.recovered);
    this.foot = el("div", { class: "nbft-pruning-foot" }, this.keys, el("span", { class: "nbft-pruning-far" }, this.progress, this.cancel, this.again), this.remark);
    this.begin.addEventListener("click", () => doing.study());
    this.again.addEventListener("click", () => doing.study());
    this.cancel.addEventListener("click", () => doing.cancel());
    this.weights.addEventListener("click", () => doing.weights());
  }

  draw(state: State, points: readonly Point[], recovered: boolean): void {
    const { phase, said, progress, off } = state;
    const zeros = state.method === "unstructured" && !["no_run", "no_best"].includes(phase);
    const drawn = !zeros && points.length > 0;
    const busy = phase === "starting" || phase === "measuring";
    show(this.over, !drawn);
    show(this.curve.element, drawn || (busy && !zeros));
    this.element.classList.toggle("nbft-pruning-open", drawn || (busy && !zeros));
    setText(this.words, zeros ? ZEROS : (phase === "idle" ? WORDS.idle : said || WORDS[phase]));
    this.words.classList.toggle("nbft-error", phase === "failed" && !zeros);
    show(this.busy, busy && !zeros);
    const can = !zeros && (phase === "idle" || phase === "failed" || (phase === "ready" && !drawn));
    show(this.begin, can, phase === "failed" ? "Try again" : "Measure how much this model can lose");
    this.begin.disabled = Boolean(off.study);
    this.begin.title = off.study ?? "";
    show(this.weights, phase === "failed" && !zeros);
    show(this.keys, drawn);
    show(this.recovered, recovered);
    show(this.progress, drawn || busy, progress);
    show(this.cancel, busy && !zeros);
    show(this.again, drawn && !busy && !off.study);
    show(this.remark, drawn && Boolean(said), said);
    show(this.foot, drawn || (busy && !zeros));
  }
}

function key(name: "predicted" | "measured" | "recovered"): HTMLElement {
  const more = name === "predicted" ? [el("span", { class: "nbft-pruning-long" }, "accuracy")] : [];
  return el("span", { class: `nbft-pruning-key nbft-pruning-key-${name}` }, el("i", { "aria-hidden": "true" }), name, ...more);
}
