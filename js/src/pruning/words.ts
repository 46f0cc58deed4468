// Figures of a pruning as people read them: now and after in one unit, with as many digits.

import type { Method, Target } from "./protocol";

/** What an amount is a part of. */
export const TARGETS: [Target, string, string][] = [
  ["macs", "MACs", "Multiply-accumulates of one image: what it computes"],
  ["parameters", "Parameters", "Numbers in the model: what it weighs"],
  ["latency", "Latency", "Time of one image on this device, measured"],
];

export const METHODS: [Method, string, string][] = [
  ["structured", "Channels", "Channels and heads are removed: the model becomes smaller and faster"],
  ["depth", "Blocks", "Whole blocks go first, channels for the rest of the amount"],
  ["unstructured", "Weights", "Single weights become zero: the model becomes neither smaller nor faster"],
];

/** What of it an amount takes: "of the MACs go". */
export function goes(method: Method, target: Target): string {
  if (method === "unstructured") return "of the weights become zero";
  return target === "latency" ? "of the time goes" : `of the ${target === "macs" ? "MACs" : "parameters"} go`;
}

export const NONE = "–";
const MINUS = "−";
const UNITS: [from: number, letter: string][] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [0, ""]];

/** Two counts in the unit of the first: "2.23 M" and "1.12 M". */
export function counts(now: number | null, after: number | null): [string, string] {
  return pair(now, after, UNITS, "");
}

/** Two sizes of a file: "8.96 MB" and "4.48 MB". */
export function sizes(now: number | null, after: number | null): [string, string] {
  return pair(now, after, [[1e9, "G"], [1e6, "M"], [0, "k"]], "B");
}

/** Two times: "12.1 ms" and "7.0 ms". */
export function times(now: number | null, after: number | null): [string, string] {
  const digits = decimals(now ?? after ?? 1);
  const text = (ms: number | null) => (ms === null ? NONE : `${ms.toFixed(digits)} ms`);
  return [text(now), text(after)];
}

function pair(now: number | null, after: number | null, units: typeof UNITS, of: string): [string, string] {
  const first = now ?? after ?? 0;
  const [from, letter] = units.find(([least]) => first >= least) ?? [0, ""];
  const one = from || (letter ? 1e3 : 1);
  const digits = one === 1 ? 0 : decimals(first / one);
  const unit = `${letter}${of}`;
  const text = (value: number | null) => (value === null ? NONE : `${(value / one).toFixed(digits)}${unit && ` ${unit}`}`);
  return [text(now), text(after)];
}

/** Digits behind the point for three in all. */
function decimals(value: number): number {
  return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}

/** A part as "50 %". */
export function part(value: number): string {
  return `${Math.round(100 * value)} %`;
}

/** "91.2 %". */
export function accuracy(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : `${(100 * value).toFixed(1)} %`;
}

/** How much less: "−41 %". */
export function less(now: number | null, after: number | null): string {
  if (!now || after === null) return "";
  const change = Math.round(100 * (1 - after / now));
  return change === 0 ? "same" : `${change > 0 ? MINUS : "+"}${Math.abs(change)} %`;
}

/** Percentage points of accuracy: "−2.8 pt". */
export function points(now: number | null | undefined, after: number | null | undefined): string {
  if (now === null || now === undefined || after === null || after === undefined) return "";
  const change = (100 * (after - now)).toFixed(1);
  return Number(change) === 0 ? "same" : `${change.startsWith("-") ? MINUS : "+"}${change.replace("-", "")} pt`;
}

/** How much faster: "1.73 ×". */
export function faster(before: number | null, after: number | null): string {
  return before && after ? `${(before / after).toFixed(2)} ×` : "";
}

/** Where a prediction may lie: "86 to 90 %". */
export function span(low: number | null, high: number | null): string {
  if (low === null || high === null) return "";
  const [from, to] = [Math.round(100 * low), Math.round(100 * high)];
  return from === to ? `about ${to} %` : `${from} to ${to} %`;
}
