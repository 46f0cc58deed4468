// How many images each class has, and how large they are: two pictures by Plotly.

import type { AnyModel } from "@anywidget/types";

import { asText, axis, CONFIG, plain } from "../charts/plain";
import type { Plotly, PlotlyElement } from "../charts/shared_plotly";
import { colour, onThemeChange, type Theme, themeAt } from "../charts/theme";
import { type About, PARTS } from "../gallery/protocol";
import type { Store } from "../gallery/store";
import { el, setText, show } from "../lib/dom";
import { count } from "../lib/wording";
import type { Scan } from "./protocol";

/** Height of a class's bar, and of all bars at most. */
const BAR_PX = 22;
const MOST_PX = 330;
const LEAST_PX = 90;
const SIZES_PX = 190;

export class Charts {
  readonly element: HTMLElement;
  private readonly balance = el("div", { class: "nbft-plot" }) as PlotlyElement;
  private readonly sizes = el("div", { class: "nbft-plot" }) as PlotlyElement;
  private readonly sizesBox: HTMLElement;
  private readonly legend = el("span", { class: "nbft-keys" });
  private readonly words = el("p", { class: "nbft-note" });
  private plotly: Plotly | undefined;
  private asked = false;
  private drawn = "";
  private listening = false;

  constructor(
    private readonly model: AnyModel,
    private readonly store: Store,
    private readonly choose: (label: string) => void,
    signal: AbortSignal,
  ) {
    this.sizesBox = figure("Image sizes", "Width and height in pixels; larger dots for more images", this.sizes);
    this.element = el("div", { class: "nbft-preview-charts" },
      figure("Class balance", "Images by class; click one to see its images", this.balance, this.legend), this.sizesBox, this.words);
    onThemeChange(() => this.redraw(), signal);
    const sizes = new ResizeObserver(() => this.fit());
    sizes.observe(this.element);
    signal.addEventListener("abort", () => {
      sizes.disconnect();
      for (const plot of [this.balance, this.sizes]) this.plotly?.purge(plot);
    });
  }

  /** Draw what is new; Plotly comes when somebody sees the charts and the pictures are there. */
  draw(): void {
    const about = this.model.get("about") as About;
    if (!about.complete || !this.element.clientWidth) return;
    if (this.plotly) this.drawBoth(this.plotly, about, this.model.get("scan") as Scan);
    else if (!this.asked) void this.fetch();
  }

  private async fetch(): Promise<void> {
    this.asked = true;
    try {
      this.plotly = await this.store.plotly.load();
      this.draw();
    } catch (error) {
      this.asked = false;
      setText(this.words, `The charts can’t be drawn: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private redraw(): void {
    this.drawn = "";
    this.draw();
  }

  private fit(): void {
    if (!this.plotly) this.draw();
    else for (const plot of [this.balance, this.sizes]) if (plot.childElementCount) void this.plotly.Plots.resize(plot);
  }

  private drawBoth(plotly: Plotly, about: About, scan: Scan): void {
    const key = JSON.stringify([about.classes, scan.sizes]);
    if (key === this.drawn) return;
    this.drawn = key;
    const theme = themeAt(this.element);
    this.drawLegend(about, theme);
    void plotly.react(this.balance, bars(about, theme), barsLayout(about, theme), CONFIG);
    if (!this.listening) this.listen();
    show(this.sizesBox, scan.sizes.length > 0);
    if (scan.sizes.length) void plotly.react(this.sizes, dots(scan), dotsLayout(theme), CONFIG);
  }

  private drawLegend(about: About, theme: Theme): void {
    this.legend.replaceChildren(...bars(about, theme).map(({ name, marker }) => {
      const swatch = el("i", { class: "nbft-swatch", "aria-hidden": "true" });
      swatch.style.background = marker.color;
      return el("span", { class: "nbft-key" }, swatch, name);
    }));
  }

  private listen(): void {
    this.listening = true;
    this.balance.on("plotly_click", ({ points }) => {
      const [point] = points as { y: number }[];
      const { classes } = this.model.get("about") as About;
      if (point) this.choose(classes[point.y]?.[0] ?? "");
    });
  }
}

function figure(title: string, help: string, plot: HTMLElement, ...beside: HTMLElement[]): HTMLElement {
  const head = el("div", { class: "nbft-preview-chart-head" }, el("h4", { title: help }, title), ...beside);
  return el("section", { class: "nbft-preview-chart", role: "group", "aria-label": title }, head, plot);
}

interface Bars {
  name: string;
  x: number[];
  marker: { color: string };
}

function bars({ classes }: About, theme: Theme): Bars[] {
  const colours = [colour(0), colour(1), theme.line] as const;
  return PARTS.map(([, words], part) => ({
    type: "bar",
    orientation: "h",
    name: words,
    y: classes.map((_, number) => number),
    x: classes.map((row) => row[part + 1] as number),
    marker: { color: colours[part] ?? theme.line },
    text: classes.map(([name]) => asText(name)),
    textposition: "none",
    hovertemplate: `%{text}: %{x:,} ${words}<extra></extra>`,
  })).filter(({ x }) => x.some(Boolean));
}

function barsLayout({ classes }: About, theme: Theme): object {
  const shown = Math.max(1, Math.floor(MOST_PX / 14));
  const step = Math.ceil(classes.length / shown);
  const places = classes.map((_, number) => number).filter((number) => number % step === 0);
  return {
    ...plain(theme),
    height: Math.min(MOST_PX, Math.max(LEAST_PX, classes.length * BAR_PX + 34)),
    barmode: "stack",
    bargap: 0.3,
    showlegend: false,
    margin: { l: 8, r: 12, t: 2, b: 22 },
    xaxis: { ...axis(theme), showgrid: true, nticks: 4, fixedrange: true, tickformat: "~s" },
    yaxis: {
      ...axis(theme), autorange: "reversed", automargin: true, fixedrange: true, showgrid: false,
      tickvals: places, ticktext: places.map((number) => `${asText(short(classes[number]![0]))} `),
    },
  };
}

function dots({ sizes }: Scan): object[] {
  const most = Math.max(...sizes.map(([, , images]) => images));
  return [{
    type: "scatter",
    mode: "markers",
    x: sizes.map(([width]) => width),
    y: sizes.map(([, height]) => height),
    text: sizes.map(([width, height, images]) => `${width} × ${height}: ${count(images)} images`),
    hovertemplate: "%{text}<extra></extra>",
    marker: { color: colour(0), opacity: 0.55, size: sizes.map(([, , images]) => 5 + 15 * Math.sqrt(images / most)), line: { width: 0 } },
  }];
}

function dotsLayout(theme: Theme): object {
  const shared = { ...axis(theme), rangemode: "tozero", nticks: 5, fixedrange: true, tickformat: "~s" };
  return {
    ...plain(theme),
    height: SIZES_PX,
    margin: { l: 44, r: 12, t: 4, b: 36 },
    xaxis: { ...shared, title: { text: "width, px", font: { size: 11, color: theme.soft }, standoff: 4 } },
    yaxis: { ...shared, title: { text: "height, px", font: { size: 11, color: theme.soft }, standoff: 4 } },
  };
}

function short(name: string): string {
  return name.length > 18 ? `${name.slice(0, 17)}…` : name;
}
