// From progress and rates to pixels and back: scales, ticks, snapping and how figures are written.

import type { Knot } from "./curve";

export type AxisKind = "linear" | "log";

/** The plot's own rectangle, in pixels of the picture. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Scale {
  kind: AxisKind;
  /** Rates at the lower and the upper edge. */
  low: number;
  high: number;
  /** Epochs at the right edge; 0 is at the left. */
  epochs: number;
  box: Box;
}

/** How near, in pixels, a round value draws a knot to itself. */
const PULL_PX = 5;
const HEADROOM = 1.22;
const DECADES = 3;

/** A scale that shows all rates with room to lift them. */
export function scaleFor(rates: number[], epochs: number, kind: AxisKind, box: Box): Scale {
  const highest = Math.max(...rates, 1e-12);
  if (kind === "linear") return { kind, low: 0, high: HEADROOM * highest, epochs, box };
  const positive = rates.filter((rate) => rate > 0);
  const lowest = Math.max(Math.min(...positive, highest / 10 ** (DECADES - 1)), highest / 1e9);
  return { kind, low: lowest / 2, high: 3 * highest, epochs, box };
}

export function xOf({ box, epochs }: Scale, epoch: number): number {
  return box.left + ((box.right - box.left) * epoch) / epochs;
}

export function epochOf({ box, epochs }: Scale, x: number): number {
  return (epochs * (x - box.left)) / (box.right - box.left);
}

export function yOf({ box, kind, low, high }: Scale, rate: number): number {
  const height = box.bottom - box.top;
  if (kind === "linear") return box.bottom - (height * (rate - low)) / (high - low);
  if (rate <= low) return box.bottom;
  return box.bottom - (height * Math.log(rate / low)) / Math.log(high / low);
}

export function rateOf({ box, kind, low, high }: Scale, y: number): number {
  const part = (box.bottom - y) / (box.bottom - box.top);
  return kind === "linear" ? low + (high - low) * part : low * (high / low) ** part;
}

/** A rate near a pixel: a round one if it is near enough, else with three digits. */
export function snappedRate(scale: Scale, y: number): number {
  const rate = rateOf(scale, Math.min(scale.box.bottom, Math.max(scale.box.top, y)));
  if (scale.kind === "linear" && Math.abs(yOf(scale, 0) - y) < PULL_PX) return 0;
  const near = roundRates(rate).find((round) => Math.abs(yOf(scale, round) - y) < PULL_PX);
  return near ?? digits(Math.max(rate, 0), 3);
}

/** An epoch near a pixel: a whole one if it is near enough, else a whole step or 0.01. */
export function snappedEpoch(scale: Scale, x: number, stepsPerEpoch: number): number {
  const epoch = epochOf(scale, x);
  const whole = Math.round(epoch);
  if (Math.abs(xOf(scale, whole) - x) < PULL_PX) return whole;
  return stepsPerEpoch ? Math.round(epoch * stepsPerEpoch) / stepsPerEpoch : Math.round(100 * epoch) / 100;
}

/** 1, 2 and 5 times a power of ten around a rate. */
function roundRates(rate: number): number[] {
  if (!(rate > 0)) return [];
  const power = Math.floor(Math.log10(rate));
  return [1, 2, 5, 10].map((digit) => Number(`${digit}e${power}`));
}

export function digits(value: number, count: number): number {
  return Number(value.toPrecision(count));
}

/** Round numbers from 0 to a highest one, about `count` of them. */
export function linearTicks(high: number, count: number): number[] {
  const rough = high / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((digit) => digit * power >= rough * 0.999) as number) * power;
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => digits(i * step, 12));
}

/** Powers of ten between two rates; 1, 2 and 5 times these where there are few. */
export function logTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const factors = last - first <= 3 ? [1, 2, 5] : [1];
  const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const every = Math.ceil(powers.length / 7);
  return powers
    .filter((power) => (power - last) % every === 0)
    .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
    .filter((rate) => rate >= low && rate <= high);
}

/** Epochs as ticks: whole numbers, also where there is room for more. */
export function epochTicks(epochs: number, count: number): number[] {
  const ticks = linearTicks(epochs, count);
  return (ticks[1] ?? 1) < 1 ? ticks.filter(Number.isInteger) : ticks;
}

/** A rate as people write it: 3.1e-4, 0.001, 0.25. */
export function rateText(rate: number, count = 3): string {
  if (rate === 0) return "0";
  const short = digits(rate, count);
  if (short >= 0.001 && short < 1000) return String(short);
  return short.toExponential().replace("e+", "e");
}

/** Where a knot lies, in words: "epoch 1.2 (step 53): 3.1e-4". */
export function knotText([at, rate]: Knot, epochs: number, stepsPerEpoch: number): string {
  const epoch = digits(at * epochs, Math.max(3, String(Math.floor(at * epochs)).length + 2));
  const step = stepsPerEpoch ? ` (step ${Math.round(at * epochs * stepsPerEpoch).toLocaleString("en-US")})` : "";
  return `epoch ${epoch}${step}: ${rateText(rate)}`;
}
