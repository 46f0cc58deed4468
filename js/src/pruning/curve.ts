// Accuracy against what goes, over the slider: pressed or dragged along, it moves the slider too.

import type { Plotly, PlotlyElement } from "../charts/shared_plotly";
import { onThemeChange, type Theme, themeAt } from "../charts/theme";
import { el, setAttribute, show } from "../lib/dom";
import type { PlotlyScript } from "../lib/plotly_script";
import { held, mostOf, standingAt } from "./board";
import { amountAt, CONFIG, cursorTraces, curveTraces, layout, MARGIN, xOf, yOf } from "./curve_figure";
import type { Board, Outcome, Point } from "./protocol";
import { accuracy, part } from "./words";

/** A whole picture takes Plotly longer than a frame: while the hand moves, a dot of our own stands for its dot. */
const REST_MS = 120;

export interface Shown {
  board: Board;
  points: readonly Point[];
  outcome: Outcome;
  amount: number;
}

export class Curve {
  readonly element: HTMLElement;
  private readonly plot = el("div", { class: "nbft-pruning-plot", role: "img" }) as PlotlyElement;
  private readonly dot = el("i", { class: "nbft-pruning-dot", "aria-hidden": "true" });
  private readonly line = el("i", { class: "nbft-pruning-line-down", "aria-hidden": "true" });
  private readonly trouble = el("p", { class: "nbft-note", hidden: true });
  private plotly: Plotly | undefined;
  private asked = false;
  private shown: Shown | undefined;
  private frame = 0;
  private rest: ReturnType<typeof setTimeout> | undefined;
  private size = { width: 0, height: 0 };
  /** What stays as it is while the dot moves. */
  private still: { traces: object[]; theme: Theme } | undefined;

  constructor(private readonly script: PlotlyScript, private readonly slide: (amount: number, done: boolean) => void, signal: AbortSignal) {
    this.element = el("div", { class: "nbft-pruning-curve" }, this.plot, this.line, this.dot, this.trouble);
    this.listen();
    onThemeChange(() => this.redraw(), signal);
    const sizes = new ResizeObserver(() => this.redraw());
    sizes.observe(this.plot);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      cancelAnimationFrame(this.frame);
      clearTimeout(this.rest);
      this.plotly?.purge(this.plot);
    });
  }

  /** Draw anew what has come from the kernel. */
  draw(shown: Shown): void {
    this.shown = shown;
    this.redraw();
  }

  /** Move the dot. */
  move(amount: number): void {
    if (!this.shown) return;
    this.shown = { ...this.shown, amount };
    this.point(this.shown);
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.paintSoon(), REST_MS);
  }

  private redraw(): void {
    this.still = undefined;
    this.paintSoon();
  }

  private paintSoon(): void {
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  /** Our own dot, in the place of Plotly's, which is hidden until it is there too. */
  private point({ board, amount }: Shown): void {
    const { width, height } = this.size;
    if (!this.plotly || !width) return;
    const { accuracy: value } = standingAt(board, amount);
    const [x, y] = [xOf(amount, width), yOf(value ?? 1, board, height)];
    this.dot.hidden = value === null;
    this.dot.style.transform = `translate(${x}px, ${y}px)`;
    this.line.style.transform = `translate(${x}px, ${y}px)`;
    this.line.style.height = `${height - MARGIN.b - y}px`;
    this.element.classList.add("nbft-pruning-moving");
  }

  private paint(): void {
    this.frame = 0;
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (!this.shown || !width || !height) return;
    if (!this.plotly) {
      if (!this.asked) void this.fetch();
      return;
    }
    const { board, amount } = this.shown;
    this.size = { width, height };
    this.still ??= this.unmoved(this.shown);
    const { traces, theme } = this.still;
    void this.plotly.react(this.plot, [...traces, ...cursorTraces(board, amount, theme)], layout(board, { theme, width, height }), CONFIG);
    this.element.classList.remove("nbft-pruning-moving");
    setAttribute(this.plot, "aria-label", this.sentence(this.shown));
  }

  private unmoved({ board, points, outcome }: Shown): { traces: object[]; theme: Theme } {
    const theme = themeAt(this.element);
    return { traces: curveTraces(board, points, outcome, theme), theme };
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
