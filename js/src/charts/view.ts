// One view of the charts: where they lie, what its controls say, what they share.

import type { AnyModel } from "@anywidget/types";

import { at, COLUMNS, COUNT, FIRST, LAST, type Rows } from "../lib/digest";
import { el, setAttribute, show } from "../lib/dom";
import { Chart, type Surroundings } from "./chart";
import { checkbox, slider } from "./controls";
import type { Feed } from "./feed";
import { roundedEnd, type Span } from "./figure";
import { type ChartName, type Line, linesOf, type Options, scaled } from "./lines";
import { marksOf } from "./marks";
import { plotly } from "./plotly";
import { Redraws } from "./redraws";
import { colour, onThemeChange, type Theme, themeAt } from "./theme";

const TITLES: [ChartName, string][] = [
  ["loss", "Loss"], ["metrics", "Metrics"], ["learning_rate", "Learning rate"], ["throughput", "Throughput"],
];
const TRAITS = ["smoothing", "log_loss", "log_lr", "by_epoch", "hidden"];
const LIMITS: Partial<Record<ChartName, Record<string, unknown>>> = {
  metrics: { autorangeoptions: { clipmin: 0, clipmax: 1.02 } },
  throughput: { rangemode: "tozero" },
};
/** After the last move of a zoom before its steps are asked for. */
const SETTLED_MS = 250;

export class ChartsView implements Surroundings {
  readonly labels: readonly string[];
  private readonly charts: Map<ChartName, Chart>;
  private readonly redraws = new Redraws();
  private readonly said = el("p", { class: "nbft-charts-said", "aria-live": "polite" });
  private readonly picture = el("div", { class: "nbft-charts-picture" });
  private readonly grid: HTMLElement;
  private readonly runKeys: HTMLElement[];
  private across: Span;
  private calm = "";
  private opening = true;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private theme: Theme | undefined;
  private options: Options;

  constructor(private readonly model: AnyModel, private readonly feed: Feed, root: HTMLElement, signal: AbortSignal) {
    this.labels = model.get("labels");
    this.options = this.readOptions();
    this.runKeys = this.labels.length > 1 ? this.labels.map((label, run) => this.runKey(label, run)) : [];
    this.charts = new Map(TITLES.map(([name, title]) => [name, new Chart(name, title, this.controls(name, signal), this, signal)]));
    this.grid = el("div", { class: "nbft-charts-grid" }, ...[...this.charts.values()].map((chart) => chart.region));
    const bar = el("div", { class: "nbft-charts-bar" }, ...this.runKeys, this.said, checkbox(model, "by_epoch", "count epochs", signal));
    root.append(
      el("style", {}, hiding(model.get("still_id"))),
      el("div", { class: "nbft-charts" }, bar, this.picture, this.grid),
    );
    this.watch(signal);
    for (const chart of this.charts.values()) chart.draw();
    if (feed.runs.some((run) => !run.known)) {
      feed.refresh();
      // While the kernel reads the run, and once the first words are painted.
      requestAnimationFrame(() => setTimeout(plotly));
    } else this.redraws.hurry(this.charts.values());
  }

  lines(chart: ChartName): Line[] {
    const lines = this.feed.runs.flatMap((run, place) =>
      this.isHidden(`run:${place}`) ? [] : [
        ...linesOf(chart, this.feed.runs, place, this.options),
        marksOf(run, place, this.labels.length > 1, this.options),
      ]);
    return lines;
  }

  waiting(chart: ChartName): string {
    const { runs } = this.feed;
    if (runs.some((run) => (chart === "metrics" ? run.epochs.length : run.digest.size))) return "";
    if (chart === "learning_rate" && runs.some((run) => run.planned.length)) return "";
    if (!runs.some((run) => run.known)) return this.feed.answered ? "reading the run …" : "waiting for the kernel …";
    const live = runs.some((run) => ["starting", "running", "paused"].includes(run.standing.status));
    if (!live) return "nothing was measured in this run";
    return chart === "metrics" ? "waiting for the first epoch to end" : "waiting for the first step";
  }

  frame(chart: ChartName) {
    const ends = this.feed.runs.map((run) => scaled(run.digest.lastStep, run, this.options));
    const totals = this.feed.runs.map((run) => scaled(run.standing.totalSteps, run, this.options));
    const total = Math.max(0, ...totals);
    const end = chart === "learning_rate" && total ? Math.max(total, ...ends) : roundedEnd(Math.max(0, ...ends), total);
    const theme = this.theme ?? themeAt(this.grid.querySelector<HTMLElement>(".nbft-panel") ?? this.grid);
    // Before it is on the page, an element has no colours.
    if (this.grid.isConnected) this.theme = theme;
    return {
      across: this.across ?? ([0, end] as [number, number]),
      log: (chart === "loss" && this.model.get("log_loss")) || (chart === "learning_rate" && this.model.get("log_lr")),
      limits: LIMITS[chart] ?? {},
      byEpoch: this.options.byEpoch,
      theme,
    };
  }

  isHidden(key: string): boolean {
    return this.options.hidden.has(key);
  }

  toggle(key: string): void {
    const hidden = new Set(this.options.hidden);
    if (!hidden.delete(key)) hidden.add(key);
    this.model.set("hidden", [...hidden]);
    this.model.save_changes();
  }

  zoom(across: Span): void {
    this.across = across;
    for (const chart of this.charts.values()) chart.zoomed = across !== undefined;
    this.redraws.hurry(this.charts.values());
    clearTimeout(this.settling);
    if (across) this.settling = setTimeout(() => this.askForDetail(across), SETTLED_MS);
  }

  /** Ask for the steps that are in view and not drawn one by one. */
  private askForDetail([from, to]: [number, number]): void {
    this.feed.runs.forEach((run, place) => {
      const perUnit = 1 / scaled(1, run, this.options);
      const first = Math.max(0, Math.floor(from * perUnit));
      const last = Math.min(run.digest.lastStep, Math.ceil(to * perUnit));
      const buckets = bucketsWithin(run.digest.rows, first, last);
      if (buckets) this.feed.window(place, ...buckets);
    });
  }

  private watch(signal: AbortSignal): void {
    const everything = () => this.redraws.hurry(this.charts.values());
    const changed = () => {
      this.options = this.readOptions();
      this.drawRunKeys();
      everything();
    };
    const events = TRAITS.map((name) => `change:${name}`).join(" ");
    this.model.on(events, changed);
    const unlisten = this.feed.listen(() => this.take());
    document.addEventListener("visibilitychange", () => this.redraws.wake(), { signal });
    onThemeChange(() => {
      this.theme = undefined;
      everything();
    }, signal);
    const sizes = new ResizeObserver(() => {
      if (!this.theme) everything();
      requestAnimationFrame(() => this.charts.forEach((chart) => chart.resize()));
    });
    for (const chart of this.charts.values()) sizes.observe(chart.region);
    const views = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        for (const chart of this.charts.values()) if (chart.region === target) chart.visible = isIntersecting;
      }
      this.redraws.wake();
    }, { rootMargin: "200px" });
    for (const chart of this.charts.values()) views.observe(chart.region);
    signal.addEventListener("abort", () => {
      this.model.off(events, changed);
      unlisten();
      sizes.disconnect();
      views.disconnect();
      clearTimeout(this.settling);
      for (const chart of this.charts.values()) this.redraws.drop(chart);
    });
    this.drawRunKeys();
  }

  private take(): void {
    const troubles = this.feed.runs.map((run) => run.trouble).filter(Boolean);
    const lost = !this.feed.answered;
    show(this.said, true, troubles[0] ?? this.feed.said);
    // Without a kernel, in a saved page, the last picture stands for the charts.
    const still: string = lost ? this.model.get("picture") : "";
    if (still) this.picture.replaceChildren(pictureOf(still));
    else this.picture.replaceChildren();
    show(this.grid, still === "");
    const calm = this.standing();
    if (this.opening && !this.feed.runs.some((run) => !run.known)) {
      // A person waits for this first picture, whatever share of the time it takes.
      this.opening = false;
      this.calm = calm;
      this.redraws.hurry(this.charts.values());
      return;
    }
    for (const [name, chart] of this.charts) if (name !== "metrics" || calm !== this.calm) this.redraws.request(chart);
    this.calm = calm;
  }

  /** What the metrics are drawn of: a step alone changes nothing in them. */
  private standing(): string {
    const runs = this.feed.runs.map((run) => [run.seq < 0, run.epochs.at(-1)?.[0], run.marks.length, run.standing.status]);
    return JSON.stringify([runs, this.frame("metrics").across, this.feed.answered]);
  }

  private readOptions(): Options {
    return {
      smoothing: this.model.get("smoothing"),
      byEpoch: this.model.get("by_epoch"),
      hidden: new Set(this.model.get("hidden") as string[]),
    };
  }

  private controls(chart: ChartName, signal: AbortSignal): HTMLElement[] {
    if (chart === "loss") {
      return [slider(this.model, "smoothing", "smoothing", signal), checkbox(this.model, "log_loss", "log", signal, "Logarithmic loss")];
    }
    return chart === "learning_rate" ? [checkbox(this.model, "log_lr", "log", signal, "Logarithmic learning rate")] : [];
  }

  private runKey(label: string, run: number): HTMLElement {
    const swatch = el("i", { class: "nbft-swatch", "aria-hidden": "true" });
    swatch.style.setProperty("--nbft-swatch", colour(run));
    const button = el("button", { class: "nbft-key", type: "button" }, swatch, label);
    button.addEventListener("click", () => this.toggle(`run:${run}`));
    return button;
  }

  private drawRunKeys(): void {
    this.runKeys.forEach((button, run) => setAttribute(button, "aria-pressed", String(!this.isHidden(`run:${run}`))));
  }
}

/** First and last step of the buckets that touch a window; undefined where they are single steps. */
function bucketsWithin(rows: Rows, first: number, last: number): [number, number] | undefined {
  let span: [number, number] | undefined;
  let coarse = false;
  for (let row = 0; row < rows.length / COLUMNS; row += 1) {
    if (at(rows, row, LAST) < first || at(rows, row, FIRST) > last) continue;
    span = [span?.[0] ?? at(rows, row, FIRST), at(rows, row, LAST)];
    coarse ||= at(rows, row, COUNT) > 1;
  }
  return coarse ? span : undefined;
}

/** Rule that hides the picture for saved notebooks while its live charts are on the page. */
function hiding(id: string): string {
  // JupyterLab shows an SVG as an image whose address holds the whole picture, its id included.
  const still = `#${id}, img[src*="${id}"]`;
  return `${still}, .jp-OutputArea-child:has(${still}) { display: none !important; }`;
}

function pictureOf(svg: string): HTMLElement {
  return el("img", { alt: "Charts of the run", src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
}
