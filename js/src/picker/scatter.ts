// Accuracy against what it costs: every model a dot, and the line of those that nothing else beats.

import type { Plotly, PlotlyElement } from "../charts/shared_plotly";
import { colour, onThemeChange, themeAt } from "../charts/theme";
import { el, setAttribute, setText, show } from "../lib/dom";
import { Segments } from "../lib/segments";
import type { Catalogue } from "./catalogue";
import type { Speeds } from "./filters";
import { front, type Point } from "./filters";
import { AXES, type AxisName, CONFIG, layout, named, type Ranges, rangesOf, traces } from "./scatter_figure";
import type { Kind, Row } from "./protocol";
import { KINDS } from "./words";

/** A picture of all models takes a moment: it follows when the typing pauses. */
const PAUSE_MS = 90;

export const KIND_COLOURS: Record<Kind, string> = { cnn: colour(0), transformer: colour(1), hybrid: colour(2), mlp: colour(4) };

export interface Shown {
  rows: readonly Row[];
  chosen: Row | undefined;
  shortlist: ReadonlySet<string>;
  speeds: Speeds;
}

export class Scatter {
  readonly element: HTMLElement;
  private readonly plot = el("div", { class: "nbft-scatter-plot", role: "img" }) as PlotlyElement;
  private readonly empty = el("p", { class: "nbft-scatter-empty" });
  private readonly reset = el("button", { class: "nbft-text-button", type: "button", title: "The picture leaves out the least accurate few" });
  private readonly axes: Segments<AxisName>;
  private axis: AxisName = "macs";
  private plotly: Plotly | undefined;
  private asked = false;
  private listening = false;
  private zoomed: Ranges | undefined;
  private shown: Shown = { rows: [], chosen: undefined, shortlist: new Set(), speeds: {} };
  private points: Point[] = [];
  private soon: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly catalogue: Catalogue, private readonly choose: (row: Row) => void, signal: AbortSignal) {
    const axes = (Object.keys(AXES) as AxisName[]).map((name) => [name, AXES[name].label, AXES[name].help] as const);
    this.axes = new Segments("Accuracy against", axes, (axis) => this.turn(axis));
    const head = el("div", { class: "nbft-scatter-head" }, this.axes.element, keys(), el("span", { class: "nbft-gap" }), this.reset);
    this.element = el("section", { class: "nbft-scatter", role: "group", "aria-label": "Accuracy against cost" },
      head, el("div", { class: "nbft-scatter-stage" }, this.plot, this.empty));
    this.reset.addEventListener("click", () => this.zoomOut());
    onThemeChange(() => this.redraw(), signal);
    const sizes = new ResizeObserver(() => this.redraw());
    sizes.observe(this.plot);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      clearTimeout(this.soon);
      this.plotly?.purge(this.plot);
    });
  }

  draw(shown: Shown): void {
    this.shown = shown;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.redraw(), PAUSE_MS);
  }

  /** Back from a zoom; or down to the few that lie below the picture. */
  private drawReset({ y }: Ranges): void {
    const below = this.points.filter((point) => point.y < y[0]).length;
    show(this.reset, Boolean(this.zoomed) || below > 0, this.zoomed ? "Zoom back" : `${below} more below`);
  }

  private turn(axis: AxisName): void {
    this.axis = axis;
    this.unzoom();
  }

  private unzoom(): void {
    this.zoomed = undefined;
    this.redraw();
  }

  private zoomOut(): void {
    this.zoomed = this.zoomed ? undefined : rangesOf(this.points, this.points);
    this.redraw();
  }

  private redraw(): void {
    const { clientWidth: width, clientHeight: height } = this.plot;
    this.axes.draw(this.axis);
    if (!width || !height || !this.catalogue.rows.length) return;
    const { rows, speeds } = this.shown;
    this.points = rows.map((row) => ({ row, x: AXES[this.axis].value(row, speeds), y: row.top1 })).filter(({ x, y }) => x > 0 && y > 0);
    show(this.empty, !this.points.length, rows.length ? AXES[this.axis].nothing : "");
    this.plot.classList.toggle("nbft-scatter-bare", !this.points.length);
    if (this.plotly) this.drawWith(this.plotly, width, height);
    else if (this.points.length) show(this.empty, true, "The picture is coming…");
    if (!this.asked) void this.fetch();
  }

  private drawWith(plotly: Plotly, width: number, height: number): void {
    const best = front(this.points, this.axis === "speed");
    const chosen = this.points.find(({ row }) => row === this.shown.chosen);
    const ranges = this.zoomed ?? rangesOf(this.points, chosen ? [...best, chosen] : best);
    this.drawReset(ranges);
    const frame = { axis: this.axis, ranges, theme: themeAt(this.element), width, height };
    const names = named(best, frame, chosen);
    void plotly.react(this.plot, traces(this.points, best, names, this.shown, frame, KIND_COLOURS), layout(frame, chosen), CONFIG);
    setAttribute(this.plot, "aria-label",
      `${this.points.length} models: top-1 against ${AXES[this.axis].label}. On the front: ${best.map(({ row }) => row.name).join(", ")}. The table holds the same.`);
    if (!this.listening) this.listen();
  }

  private listen(): void {
    this.listening = true;
    this.plot.on("plotly_click", ({ points }) => {
      const [point] = points as { customdata?: string }[];
      const row = this.catalogue.row(point?.customdata ?? "");
      if (row) this.choose(row);
    });
    this.plot.on("plotly_relayout", (change) => {
      const ends = ["xaxis", "yaxis"].map((axis) => [0, 1].map((end) => Number(change[`${axis}.range[${end}]`])));
      const [x, y] = ends as [[number, number], [number, number]];
      if (!Number.isFinite(x[0] + y[0])) return;
      this.zoomed = { x, y };
      this.redraw();
    });
    this.plot.on("plotly_doubleclick", () => this.unzoom());
  }

  private async fetch(): Promise<void> {
    this.asked = true;
    try {
      this.plotly = await this.catalogue.plotly.load();
      this.redraw();
    } catch (error) {
      this.asked = false;
      show(this.empty, true);
      setText(this.empty, `The picture can’t be drawn: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function keys(): HTMLElement {
  const key = (kind: Kind) => {
    const swatch = el("i", { class: "nbft-swatch", "aria-hidden": "true" });
    swatch.style.background = KIND_COLOURS[kind];
    return el("span", { class: "nbft-key" }, swatch, KINDS[kind]);
  };
  return el("span", { class: "nbft-keys" }, ...(Object.keys(KINDS) as Kind[]).map(key));
}
