// What each chart draws of the runs: plain numbers, no DOM and no Plotly.

import {
  at, COLUMNS, FIRST, LAST, LOSS_HIGH, LOSS_LOW, LR_SUM, mean, MEMORY_HIGH, LOSS_SUM, SPEED_SUM, smoothed, WAIT_SUM,
} from "../lib/digest";
import { figure, memory } from "../lib/wording";
import { BEST, EPOCH_STEP, type Measure, MEASURES } from "./protocol";
import { measure, type RunData } from "./run_data";
import { colour } from "./theme";

export type ChartName = "loss" | "metrics" | "learning_rate" | "throughput";

/** How the person wants to see it. */
export interface Options {
  smoothing: number;
  byEpoch: boolean;
  hidden: ReadonlySet<string>;
}

export interface Line {
  /** What the legend switches; lines of several runs share it. */
  key: string;
  /** Place of its run. */
  run: number;
  name: string;
  x: number[];
  y: number[];
  colour: string;
  dash: "solid" | "dot" | "dash";
  width?: number;
  opacity?: number;
  /** Drawn without a word when the pointer comes near. */
  silent?: boolean;
  markers?: boolean;
  symbol?: string;
  filled?: boolean;
  /** Which vertical axis: values, memory in bytes, or a share from 0 to 1. */
  axis?: "y" | "y2" | "y3";
  /** Its last value is no news. */
  mute?: boolean;
  /** Words beside each point, instead of the value. */
  labels?: string[];
  format: (value: number) => string;
}

/** A line without its points; `place` among the chart's measures decides its looks. */
type Style = Pick<Line, "key" | "name" | "format"> & Partial<Line> & { place: number };

/** A line of more epochs goes without a dot for each: Plotly makes every dot an element of the page. */
const MOST_MARKED = 120;

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const WORDS: Record<Measure, string> = {
  accuracy: "accuracy", macro_f1: "macro F1", precision: "precision", recall: "recall",
  top5: "top 5", roc_auc: "ROC AUC", train_loss: "train", val_loss: "validation",
};

/** Lines of one run in one chart, the hidden ones among them. */
export function linesOf(chart: ChartName, runs: readonly RunData[], place: number, options: Options): Line[] {
  const run = runs[place];
  if (!run?.known) return [];
  const several = runs.length > 1;
  const draw: Draw = ({ place: rank, ...style }, xs, ys) => ({
    run: place,
    colour: colour(several ? place : rank),
    dash: several && rank ? "dot" : "solid",
    ...style,
    x: xs.map((step) => scaled(step, run, options)),
    y: ys,
  });
  return CHARTS[chart](run, options, draw);
}

/** A step as the time line counts it. */
export function scaled(step: number, run: RunData, options: Options): number {
  const { stepsPerEpoch } = run.standing;
  return options.byEpoch && stepsPerEpoch ? step / stepsPerEpoch : step;
}

type Draw = (style: Style, xs: number[], ys: number[]) => Line;
type Chart = (run: RunData, options: Options, draw: Draw) => Line[];

const CHARTS: Record<ChartName, Chart> = {
  loss: lossLines,
  metrics: metricLines,
  learning_rate: rateLines,
  throughput: speedLines,
};

function lossLines(run: RunData, options: Options, draw: Draw): Line[] {
  const rows = run.rows;
  const [xs, ys] = extremes(rows);
  const lasts = column(rows, LAST);
  const smooth = options.smoothing > 0;
  const raw: Style = { key: "train", name: "train", format: figure, place: 0, width: 1 };
  return [
    draw(smooth ? { ...raw, opacity: 0.3, silent: true } : raw, xs, ys),
    ...(smooth ? [draw({ ...raw, name: "train, smoothed", width: 2 }, lasts, smoothed(rows, (row) => mean(rows, row, LOSS_SUM), options.smoothing))] : []),
    epochLine(run, draw, "val_loss", figure, 1),
  ];
}

function metricLines(run: RunData, _options: Options, draw: Draw): Line[] {
  const shown = MEASURES.slice(0, -2);
  const lines = shown.map((name, place) => epochLine(run, draw, name, percent, place));
  const best = run.epochs.filter((epoch) => epoch[BEST]).at(-1);
  if (!best) return lines;
  const star: Style = {
    key: "accuracy", name: "best epoch", format: percent, symbol: "star", markers: true, place: 0,
  };
  return [...lines, draw(star, [best[EPOCH_STEP] ?? 0], [measure(best, "accuracy")])];
}

function rateLines(run: RunData, _options: Options, draw: Draw): Line[] {
  const rows = run.rows;
  const steps = column(rows, LAST);
  const past = steps.map((_, row) => mean(rows, row, LR_SUM));
  const rest: [number, number][] = [];
  const now = run.digest.lastStep;
  for (let place = 0; place < run.planned.length; place += 2) {
    if ((run.planned[place] ?? 0) > now) rest.push([run.planned[place] ?? 0, run.planned[place + 1] ?? 0]);
  }
  const over = ["finished", "stopped", "failed"].includes(run.standing.status);
  const base = { format: (rate: number) => rate.toExponential(2), place: 0, width: 2 };
  return [
    draw({ ...base, key: "lr", name: "as it was" }, steps, past),
    ...(over ? [] : [draw(
      { ...base, key: "planned", name: "planned", dash: "dash", opacity: 0.75, mute: true },
      rest.map(([step]) => step), rest.map(([, rate]) => rate),
    )]),
  ];
}

function speedLines(run: RunData, options: Options, draw: Draw): Line[] {
  const rows = run.rows;
  const steps = column(rows, LAST);
  const speed = (row: number) => mean(rows, row, SPEED_SUM);
  // A step takes as long as its batch does at that speed.
  const batch = run.standing.batchSize || Number.NaN;
  const wait = (row: number) => Math.min(1, (mean(rows, row, WAIT_SUM) * speed(row)) / batch);
  const [speeds, waits] = [speed, wait].map((value) => smoothed(rows, value, options.smoothing)) as [number[], number[]];
  const bytes = column(rows, MEMORY_HIGH).map((megabytes) => megabytes * 1e6);
  return [
    draw({ key: "wait", name: "waiting for data", format: percent, axis: "y3", filled: true, width: 0.5, place: 2 }, steps, waits),
    draw({ key: "images_per_s", name: "images/s", format: figure, place: 0, width: 1.5 }, steps, speeds),
    draw({ key: "memory", name: "memory", format: (size: number) => memory(size / 1e6), axis: "y2", dash: "dot", width: 1.5, place: 1 }, steps, bytes),
  ];
}

function epochLine(run: RunData, draw: Draw, name: Measure, format: Line["format"], place: number): Line {
  return draw(
    { key: name, name: WORDS[name], format, markers: run.epochs.length <= MOST_MARKED, place, width: 2 },
    run.epochs.map((epoch) => epoch[EPOCH_STEP] ?? 0),
    run.epochs.map((epoch) => measure(epoch, name)),
  );
}

function column(rows: Float64Array, which: number): number[] {
  const made: number[] = [];
  for (let row = 0; row * COLUMNS < rows.length; row += 1) made.push(at(rows, row, which));
  return made;
}

/** Lowest and highest loss of each bucket, in turn. */
function extremes(rows: Float64Array): [number[], number[]] {
  const xs: number[] = [];
  const ys: number[] = [];
  for (let row = 0; row * COLUMNS < rows.length; row += 1) {
    xs.push(at(rows, row, FIRST));
    ys.push(at(rows, row, LOSS_LOW));
    if (at(rows, row, LAST) === at(rows, row, FIRST)) continue;
    xs.push(at(rows, row, LAST));
    ys.push(at(rows, row, LOSS_HIGH));
  }
  return [xs, ys];
}
