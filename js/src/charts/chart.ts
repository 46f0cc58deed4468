// One chart: its region on the page, its legend of buttons, and the Plotly picture in it.

import { el, setAttribute, setText, show } from "../lib/dom";
import { CONFIG, type Frame, layout, type Span, traces } from "./figure";
import type { ChartName, Line } from "./lines";
import { type PlotlyElement, plotly } from "./plotly";
import type { Drawable } from "./redraws";

/** What a chart needs of the view that holds it. */
export interface Surroundings {
  labels: readonly string[];
  lines(chart: ChartName): Line[];
  /** Words where there is nothing to draw; "" where there is. */
  waiting(chart: ChartName): string;
  frame(chart: ChartName): Omit<Frame, "up">;
  isHidden(key: string): boolean;
  toggle(key: string): void;
  /** A person zoomed along the time line; undefined to show all of it again. */
  zoom(across: Span): void;
}

export class Chart implements Drawable {
  visible = true;
  /** Whether a person has zoomed along the time line. */
  zoomed = false;
  readonly region: HTMLElement;
  private readonly legend = el("div", { class: "nbft-keys", role: "group" });
  private readonly plot = el("div", { class: "nbft-plot" }) as PlotlyElement;
  private readonly empty = el("p", { class: "nbft-empty" });
  private readonly reset = el("button", { class: "nbft-link", type: "button" }, "Show all");
  private up: Span;
  private dragging = false;
  private drawn = false;
  private keys = "";

  constructor(
    private readonly name: ChartName,
    title: string,
    controls: HTMLElement[],
    private readonly around: Surroundings,
    signal: AbortSignal,
  ) {
    setAttribute(this.legend, "aria-label", `Lines of ${title}`);
    setAttribute(this.reset, "aria-label", `Show all of ${title}`);
    const head = el("div", { class: "nbft-chart-head" },
      el("h3", { class: "nbft-title" }, title), this.legend,
      el("div", { class: "nbft-chart-controls" }, this.reset, ...controls));
    this.region = el("section", { class: "nbft-panel nbft-chart", role: "region", "aria-label": title },
      head, el("div", { class: "nbft-stage" }, this.plot, this.empty));
    this.reset.addEventListener("click", () => this.showAll(), { signal });
    // A redraw under a pointer that drags would end the drag.
    this.plot.addEventListener("pointerdown", () => (this.dragging = true), { signal, capture: true });
    window.addEventListener("pointerup", () => (this.dragging = false), { signal, capture: true });
    signal.addEventListener("abort", () => this.drawn && plotly().purge(this.plot));
  }

  draw(): void {
    if (this.dragging) return;
    const waiting = this.around.waiting(this.name);
    show(this.empty, waiting !== "", waiting);
    const frame = this.around.frame(this.name);
    const lines = this.around.lines(this.name);
    this.drawLegend(lines.filter((line) => line.key !== "edits"));
    show(this.reset, this.up !== undefined || this.zoomed);
    if (waiting && !this.drawn) return;
    const shown = lines.filter((line) => line.x.length && !this.around.isHidden(line.key));
    const axes = new Set(shown.map((line) => line.axis ?? "y"));
    if (!axes.has("y")) axes.add("y");
    void plotly().react(
      this.plot, traces(shown, this.around.labels, frame.theme), layout({ ...frame, up: this.up }, axes), CONFIG,
    );
    if (!this.drawn) this.listen();
    this.drawn = true;
  }

  /** Fit the picture to its place. */
  resize(): void {
    if (this.drawn && this.plot.isConnected) void plotly().Plots.resize(this.plot);
  }

  private listen(): void {
    this.plot.on("plotly_relayout", (change) => {
      const up = spanOf(change, "yaxis");
      if (up) this.up = up;
      const across = spanOf(change, "xaxis");
      if (across) this.around.zoom(across);
      else if (up) this.draw();
    });
    this.plot.on("plotly_doubleclick", () => this.showAll());
  }

  private showAll(): void {
    this.up = undefined;
    this.dragging = false;
    this.around.zoom(undefined);
  }

  private drawLegend(lines: Line[]): void {
    const known = new Map<string, Line>();
    for (const line of lines) if (!line.silent && !line.symbol && !known.has(line.key)) known.set(line.key, line);
    const several = this.around.labels.length > 1;
    const keys = [...known.keys()].join();
    if (keys !== this.keys) {
      this.keys = keys;
      this.legend.replaceChildren(...[...known.values()].map((line) => this.keyButton(line, several)));
    }
    for (const button of this.legend.children) {
      const line = known.get((button as HTMLElement).dataset.key ?? "");
      if (!line) continue;
      setAttribute(button, "aria-pressed", String(!this.around.isHidden(line.key)));
      const last = line.y.filter(Number.isFinite).at(-1);
      const value = button.querySelector(".nbft-value");
      if (value) setText(value, several || line.mute || last === undefined ? "" : line.format(last));
    }
  }

  private keyButton(line: Line, several: boolean): HTMLElement {
    const swatch = el("i", { class: `nbft-swatch nbft-swatch-${line.dash}`, "aria-hidden": "true" });
    swatch.style.setProperty("--nbft-swatch", several ? "currentColor" : line.colour);
    const button = el("button", { class: "nbft-key", type: "button", "data-key": line.key },
      swatch, line.name, el("span", { class: "nbft-value" }));
    button.addEventListener("click", () => this.around.toggle(line.key));
    return button;
  }
}

function spanOf(change: Record<string, unknown>, axis: string): Span {
  const ends = [change[`${axis}.range[0]`], change[`${axis}.range[1]`]].map(Number);
  const [from, to] = ends;
  return from !== undefined && to !== undefined && Number.isFinite(from + to) ? [from, to] : undefined;
}
