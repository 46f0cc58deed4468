// What the slider says of an amount is read off the board that the kernel sent, and reads like one table.
import assert from "node:assert/strict";
import { test } from "node:test";

import { END, held, latencyAt, leftAt, measuredAt, mostOf, standingAt } from "../src/pruning/board";
import { amountAt, cursorTraces, curveTraces, layout, MARGIN, xOf } from "../src/pruning/curve_figure";
import { type Board, isOf, type Latency, type State } from "../src/pruning/protocol";
import { counts, faster, less, points, sizes, span, times } from "../src/pruning/words";

const BOARD: Board = {
  target: "macs", amounts: [0, 0.25, 0.5, 0.75], parameters: [100, 80, 60, 40], macs: [400, 300, 200, 100], bytes: [1000, 800, 600, 400],
  accuracy: [0.9, 0.88, null, null], low: [0.9, 0.8, null, null], high: [0.9, 0.9, null, null], left: { conv: [8, 6, 4, 1] },
  whole: { parameters: 100, macs: 400, bytes: 1000, accuracy: 0.9, images: 200 },
};
const THEME = { ink: "#000", soft: "#555", line: "#ccc", ground: "#fff", font: "sans-serif" };

type Drawn = { name: string; x: number[]; y: number[] };

test("between two positions of the board its figures lie on a straight line", () => {
  const at = standingAt(BOARD, 0.375);
  assert.equal(at.parameters, 70);
  assert.equal(at.macs, 250);
  assert.equal(standingAt(BOARD, 0.125).accuracy, 0.89);
});

test("beyond the board's end nothing is made up: its last position stands", () => {
  assert.equal(standingAt(BOARD, 0.95).parameters, 40);
  assert.equal(standingAt(BOARD, 0.95).accuracy, null);
});

test("of an empty board nothing is known, and nothing fails", () => {
  assert.deepEqual(Object.values(standingAt({}, 0.5)), [null, null, null, null, null, null, null]);
  assert.equal(leftAt({}, "conv", 0.5), undefined);
  assert.equal(mostOf({}), END);
});

test("units of a layer are whole, those of the nearest position", () => {
  assert.equal(leftAt(BOARD, "conv", 0.3), 6);
  assert.equal(leftAt(BOARD, "conv", 0.74), 1);
  assert.equal(leftAt(BOARD, "other", 0.74), undefined);
});

test("the slider stops at the most that can go, in whole hundredths", () => {
  assert.equal(held(BOARD, 0.9), 0.75);
  assert.equal(held(BOARD, 0.333), 0.33);
  assert.equal(held(BOARD, -1), 0);
  assert.equal(held({ amounts: [0, 0.996] }, 1), END);
});

test("a position that was tried is told from those around it", () => {
  const tried: [number, number, number][] = [[0.5, 0.7, 100], [0.5, 0.72, 200]];
  assert.deepEqual(measuredAt(tried, 0.5), [0.5, 0.72, 200]);
  assert.equal(measuredAt(tried, 0.51), undefined);
});

test("a time between two that were measured lies between them, beyond them it is unknown", () => {
  const timed: Latency[] = [[0.5, 1, 10, 6], [0.5, 32, 100, 50]];
  assert.deepEqual(latencyAt(timed, 1, 0.5), { before: 10, after: 6, exact: true });
  assert.deepEqual(latencyAt(timed, 1, 0.25), { before: 10, after: 8, exact: false });
  assert.deepEqual(latencyAt(timed, 32, 0.75), { before: 100, after: null, exact: false });
  assert.deepEqual(latencyAt([], 1, 0.5), { before: null, after: null, exact: false });
});

test("the newest time of an amount counts", () => {
  assert.equal(latencyAt([[0.5, 1, 10, 6], [0.5, 1, 12, 7]], 1, 0.5).after, 7);
});

test("now and after have one unit and as many digits", () => {
  assert.deepEqual(counts(2_230_000, 334_500), ["2.23 M", "0.33 M"]);
  assert.deepEqual(counts(319e6, 160e6), ["319 M", "160 M"]);
  assert.deepEqual(counts(950, 12), ["950", "12"]);
  assert.deepEqual(sizes(9_100_000, 455_000), ["9.10 MB", "0.46 MB"]);
  assert.deepEqual(sizes(84_000, 9_000), ["84.0 kB", "9.0 kB"]);
  assert.deepEqual(times(12.13, 6.98), ["12.1 ms", "7.0 ms"]);
  assert.deepEqual(counts(null, null), ["–", "–"]);
});

test("changes say which way they go, and say where there is none", () => {
  assert.equal(less(100, 59), "−41 %");
  assert.equal(less(100, 100), "same");
  assert.equal(points(0.925, 0.791), "−13.4 pt");
  assert.equal(points(0.9, 0.91), "+1.0 pt");
  assert.equal(points(0.9, 0.9001), "same");
  assert.equal(points(0.9, null), "");
  assert.equal(faster(12, 8), "1.50 ×");
  assert.equal(span(0.861, 0.899), "86 to 90 %");
  assert.equal(span(0.899, 0.901), "about 90 %");
});

test("pixels of the curve and amounts are the same thing, and the slider's ends are the axis' ends", () => {
  for (const amount of [0, 0.3, END]) assert.ok(Math.abs(amountAt(xOf(amount, 640), 640) - amount) < 1e-12);
  assert.equal(xOf(0, 640), MARGIN.l);
  assert.equal(xOf(END, 640), 640 - MARGIN.r);
});

test("measured dots are no part of the predicted line, and the slider's dot stands on it", () => {
  const traces = [...curveTraces(BOARD, [[0.25, 0.88, 200]], {}, THEME), ...cursorTraces(BOARD, 0.125, THEME)] as Drawn[];
  const named = (name: string) => traces.find((trace) => trace.name === name) as Drawn;
  assert.deepEqual(named("predicted").y, [0.9, 0.88, null, null]);
  assert.deepEqual([named("measured").x, named("measured").y], [[0.25], [0.88]]);
  assert.deepEqual([named("here").x, named("here").y], [[0.125], [0.89]]);
  assert.equal(named("recovered"), undefined);
});

test("where nothing is predicted yet there is no dot to stand on nothing", () => {
  const [, dot] = cursorTraces(BOARD, 0.6, THEME) as [Drawn, Drawn];
  assert.deepEqual(dot.x, []);
});

test("the recovered model is drawn over what the cut left of it", () => {
  const traces = curveTraces(BOARD, [], { amount: 0.25, accuracy: 0.895 }, THEME) as Drawn[];
  assert.deepEqual(traces.at(-1)?.y, [0.895]);
  assert.deepEqual(traces.at(-2)?.y, [0.88, 0.895]);
});

test("the axis leaves room over a whole model that errs never", () => {
  const whole = { ...BOARD.whole!, accuracy: 1 };
  const { yaxis } = layout({ ...BOARD, whole }, { theme: THEME, width: 300, height: 160 }) as { yaxis: { range: [number, number] } };
  assert.ok(yaxis.range[1] > 1.1 && yaxis.range[1] < 1.25, String(yaxis.range));
});

test("figures of another axis are known for what they are", () => {
  const state = (method: State["method"], target: State["target"]) => ({ method, target }) as State;
  assert.ok(isOf(BOARD, state("structured", "macs")));
  assert.ok(!isOf(BOARD, state("structured", "parameters")));
  assert.ok(isOf(BOARD, state("depth", "latency")));
  assert.ok(!isOf(BOARD, state("unstructured", "macs")));
  assert.ok(isOf({ target: "parameters", amounts: [0], zeros: [0] }, state("unstructured", "macs")));
});
