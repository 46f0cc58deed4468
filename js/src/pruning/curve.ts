// Accuracy against what goes, over the slider: pressed or dragged along, it moves the slider too.

import type { Plotly, PlotlyElement } from "../charts/shared_plotly";
import { onThemeChange, themeAt } from "../charts/theme";
import { el, setAttribute, show } from "../lib/dom";
import type { PlotlyScript } from "../lib/plotly_script";
import { held, mostOf, standingAt } from "./board";
import { amountAt, CONFIG, cursorTraces, curveTraces, layout } from "./curve_figure";
import type { Board, Outcome, Point } from "./protocol";
import { accuracy, part } from "./words";

export interface Shown {
  board: Board;
  points: readonly Point[];
  outcome: Outcome;
  amount: number;
}

export class Curve {
  readonly element: HTMLElement;
  private readonly plot = el("div", { class: "nbft-pruning-plot", role: "img" }) as PlotlyElement;
  private readonly trouble = el("p", { class: "nbft-note", hidden: true });
  private plotly: Plotly | undefined;
  private asked = false;
  private shown: Shown | undefined;
  private frame = 0;
  private still: object[] = [];

  constructor(private readonly script: PlotlyScript, private readonly slide: (amount: number, done: boolean) => void, signal: AbortSignal) {
    this.element = el("div", { class: "nbft-pruning-curve" }, this.plot, this.trouble);
    this.listen();
    onThemeChange(() => this.redraw(), signal);
    const sizes = new ResizeObserver(() => this.redraw());
    sizes.observe(this.plot);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      cancelAnimationFrame(this.frame);
      this.plotly?.purge(this.plot);
    });
  }

  /** Draw anew what has come from the kernel. */
  draw(shown: Shown): void {
    this.shown = shown;
    this.redraw();
  }

  /** Move the dot, once a frame at most. */
  move(amount: number): void {
    if (!this.shown) return;
    this.shown = { ...this.shown, amount };
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  private redraw(): void {
    this.still = [];
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    this.frame = 0;
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (!this.shown || !width || !height) return;
    if (!this.plotly) {
      if (!this.asked) void this.fetch();
      return;
    }
    const { board, points, outcome, amount } = this.shown;
    const theme = themeAt(this.element);
    if (!this.still.length) this.still = curveTraces(board, points, outcome, theme);
    const traces = [...this.still, ...cursorTraces(board, amount, theme)];
    void this.plotly.react(this.plot, traces, layout(board, { theme, width, height }), CONFIG);
    setAttribute(this.plot, "aria-label", this.sentence(this.shown));
  }

  private sentence({ board, points, amount }: Shown): string {
    const tried = points.map(([at, value]) => `${part(at)} ${accuracy(value)}`).join(", ");
    const here = standingAt(board, amount).accuracy;
    return `Accuracy by amount pruned, up to ${part(mostOf(board))}.${here === null ? "" : ` At ${part(amount)}: ${accuracy(here)}.`}${tried && ` Measured: ${tried}.`}`;
  }

  private async fetch(): Promise<void> {
    this.asked = true;
    try {
      this.plotly = await this.script.load();
      show(this.trouble, false);
      this.redraw();
    } catch (error) {
      this.asked = false;
      show(this.trouble, true, `The curve can’t be drawn: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private listen(): void {
    let dragging = false;
    const slide = (event: PointerEvent, done: boolean) => {
      if (!this.shown) return;
      const { left, width } = this.plot.getBoundingClientRect();
      this.slide(held(this.shown.board, amountAt(event.clientX - left, width)), done);
    };
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      dragging = true;
      this.plot.setPointerCapture(event.pointerId);
      slide(event, false);
    });
    this.plot.addEventListener("pointermove", (event) => dragging && slide(event, false));
    const end = (event: PointerEvent) => {
      if (dragging) slide(event, true);
      dragging = false;
    };
    this.plot.addEventListener("pointerup", end);
    this.plot.addEventListener("pointercancel", () => (dragging = false));
  }
}
