// The page draws the same curve as Python, and what hands do to it keeps its knots in order.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { epochTicks, knotText, logTicks, rateOf, rateText, type Scale, scaleFor, snappedEpoch, snappedRate, xOf, yOf } from "../src/schedule/axes";
import { type Knot, rateAt, ratesAt } from "../src/schedule/curve";
import { added, addedLive, firstFree, isFree, moved, openedAt, pieceMoved, removed, splitAt, stretched, withPiece } from "../src/schedule/edits";
import { curvePath, lossPath, placesToDraw } from "../src/schedule/paths";

const BOX = { left: 40, top: 10, right: 240, bottom: 110 };
const PEAK: Knot[] = [[0, 0, "linear"], [0.25, 1e-3, "cosine"], [1, 0, "linear"]];

function near(got: number, wanted: number, relative = 1e-12): void {
  assert.ok(Math.abs(got - wanted) <= relative * Math.max(1e-300, Math.abs(wanted)) + 1e-18, `${got} is not ${wanted}`);
}

function inOrder(knots: Knot[]): void {
  for (let i = 1; i < knots.length; i += 1) assert.ok((knots[i] as Knot)[0] >= (knots[i - 1] as Knot)[0]);
}

test("curves equal what Python says of them", { skip: !process.env["NBFT_CURVES"] }, () => {
  const curves = JSON.parse(readFileSync(process.env["NBFT_CURVES"] as string, "utf8")) as { knots: Knot[]; places: number[]; rates: number[] }[];
  assert.ok(curves.length > 0);
  for (const { knots, places, rates } of curves) {
    const top = Math.max(...knots.map(([, rate]) => rate));
    ratesAt(knots, places).forEach((rate, i) => assert.ok(Math.abs(rate - (rates[i] as number)) <= 1e-9 * top, JSON.stringify({ knots, place: places[i], rate, wanted: rates[i] })));
  }
});

test("each way from knot to knot passes where it should", () => {
  const halfway = (piece: Knot[2]) => rateAt([[0, 1e-4, piece], [1, 1e-2, "linear"]], 0.5);
  near(halfway("linear"), 5.05e-3);
  near(halfway("cosine"), 5.05e-3);
  near(halfway("pchip"), 5.05e-3);
  near(halfway("log"), 1e-3);
});

test("a curve is level before its first knot and after its last, and jumps where two knots meet", () => {
  const stairs: Knot[] = [[0.2, 1, "linear"], [0.5, 1, "linear"], [0.5, 0.1, "linear"], [0.8, 0.1, "linear"]];
  assert.deepEqual([...ratesAt(stairs, [0, 0.2, 0.49, 0.5, 0.79, 1])], [1, 1, 1, 0.1, 0.1, 0.1]);
});

test("pixels and values are the same thing on both axes", () => {
  for (const kind of ["linear", "log"] as const) {
    const scale = scaleFor([1e-5, 1e-3], 5, kind, BOX);
    for (const rate of [2e-5, 3e-4, 9e-4]) near(rateOf(scale, yOf(scale, rate)), rate, 1e-9);
  }
});

test("a pointer near a round rate or a whole epoch means it, elsewhere whole steps", () => {
  const scale: Scale = { kind: "linear", low: 0, high: 1e-3, epochs: 5, box: BOX };
  assert.equal(snappedRate(scale, yOf(scale, 5.2e-4)), 5e-4);
  assert.equal(snappedRate(scale, yOf(scale, 7.234e-4)), 7.23e-4);
  assert.equal(snappedRate(scale, 500), 0);
  assert.equal(snappedEpoch(scale, xOf(scale, 2.05), 44), 2);
  assert.equal(snappedEpoch(scale, xOf(scale, 2.5), 44), 110 / 44);
  assert.equal(snappedEpoch(scale, xOf(scale, 2.503), 0), 2.5);
});

test("ticks are round and few, and figures are as people write them", () => {
  assert.deepEqual(logTicks(2e-6, 3e-3), [1e-5, 1e-4, 1e-3]);
  assert.deepEqual(epochTicks(2.1, 5), [0, 1, 2]);
  assert.deepEqual([0, 1e-3, 3.14159e-4, 0.25, 12].map((rate) => rateText(rate)), ["0", "0.001", "3.14e-4", "0.25", "12"]);
  assert.equal(knotText([0.24, 3.1e-4, "linear"], 5, 44), "epoch 1.2 (step 53): 3.1e-4");
});

test("a knot goes as far as its neighbours", () => {
  assert.equal(moved(PEAK, 1, 2, 5e-4, 0)[1]?.[0], 1);
  assert.equal(moved(PEAK, 1, -1, 5e-4, 0)[1]?.[0], 0);
  assert.deepEqual(moved(PEAK, 1, 0.5, -1, 0)[1], [0.5, 0, "cosine"]);
});

test("three knots never lie at one place", () => {
  const jump: Knot[] = [[0, 1, "linear"], [0.5, 1, "linear"], [0.5, 0.1, "linear"], [1, 0.1, "linear"]];
  const made = moved(jump, 3, 0, 0.2, 0);
  assert.ok((made[3] as Knot)[0] > 0.5);
  assert.equal(added(jump, 0.5, 0.5).knots, jump);
});

test("a piece is moved with both its knots, and not beyond its neighbours", () => {
  const made = pieceMoved(PEAK, 0, 0.5, (rate) => rate + 1e-4, 0);
  inOrder(made);
  near((made[0] as Knot)[1], 1e-4);
  near((made[1] as Knot)[1], 1.1e-3);
  near((made[1] as Knot)[0] - (made[0] as Knot)[0], 0.25);
  near((pieceMoved(PEAK, 1, 0.5, (rate) => rate, 0)[2] as Knot)[0], 1);
});

test("knots come and go, and a logarithmic piece is never left with an end at 0", () => {
  const { knots, place } = added(PEAK, 0.5, 5e-4);
  assert.deepEqual([knots.length, place, knots[2]], [4, 2, [0.5, 5e-4, "cosine"]]);
  assert.deepEqual(removed(knots, 2), PEAK);
  const log: Knot[] = [[0, 1, "log"], [0.5, 0.1, "linear"], [1, 0, "linear"]];
  assert.deepEqual(removed(log, 1), [[0, 1, "linear"], [1, 0, "linear"]]);
  assert.equal(removed([[0, 1, "linear"]], 0).length, 1);
  assert.equal(withPiece(PEAK, 1, "log")[1]?.[2], "log");
});

test("what is past is fixed, and a knot at the present keeps the rate of now", () => {
  assert.deepEqual([0, 1, 2].map((place) => isFree(PEAK, place, 0.5)), [false, false, true]);
  assert.equal(firstFree(PEAK, 0.5), 2);
  const split = splitAt(PEAK, 0.5);
  near(rateAt(split, 0.5), rateAt(PEAK, 0.5), 1e-9);
  assert.deepEqual(openedAt(PEAK, 2, 0.5), { knots: split, place: 3 });
  assert.equal(splitAt(split, 0.5), split);
  assert.ok((moved(PEAK, 2, 0.1, 0, 0.5)[2] as Knot)[0] > 0.5);
});

test("a knot that is added beside a live run leaves the rate of now alone", () => {
  const early = addedLive(PEAK, 0.7, 9e-4, 0.5);
  assert.deepEqual([early.knots.length, early.place], [5, 3]);
  near(rateAt(early.knots, 0.5), rateAt(PEAK, 0.5), 1e-9);
  const level: Knot[] = [[0, 1, "linear"], [0.2, 0.5, "linear"]];
  assert.equal(rateAt(addedLive(level, 0.9, 1, 0.6).knots, 0.6), 0.5);
  const late: Knot[] = [[0.8, 1, "linear"], [1, 0, "linear"]];
  const raised = openedAt(late, 0, 0.5);
  assert.equal(rateAt(moved(raised.knots, raised.place, 0.8, 2, 0.5), 0.5), 1);
  assert.equal(addedLive(PEAK, 0.5, 9e-4, 0).knots.length, 4);
});

test("another length keeps the past in its place and the rate of now, and stretches the rest", () => {
  assert.deepEqual(stretched({ knots: PEAK, epochs: 5 }, 8, 0), { knots: PEAK, epochs: 8 });
  const { knots, epochs } = stretched({ knots: PEAK, epochs: 4 }, 8, 0.5);
  assert.equal(epochs, 8);
  inOrder(knots);
  near((knots[1] as Knot)[0] * 8, 1);
  near((knots[3] as Knot)[0], 1);
  near(rateAt(knots, 2 / 8), rateAt(PEAK, 2 / 4), 1e-9);
  assert.equal(stretched({ knots: PEAK, epochs: 4 }, 1, 0.6).epochs, 3);
});

test("a path has as many points as there are pixels, and both sides of a jump", () => {
  const jump: Knot[] = [[0, 1, "linear"], [0.5, 1, "linear"], [0.5, 0.1, "linear"], [1, 0.1, "linear"]];
  const places = placesToDraw(jump, 0, 1, 200);
  assert.ok(places.length < 300);
  const scale = scaleFor([1], 1, "linear", BOX);
  const path = curvePath(scale, jump, 1, 0, 1);
  assert.ok(path.includes(`L140.0 ${yOf(scale, 1).toFixed(1)}L140.0 ${yOf(scale, 0.1).toFixed(1)}`), path);
  assert.equal(curvePath(scale, jump, 1, 1, 1), "");
  assert.equal(lossPath(scale, [[0.5, 2]], 0.4), "");
});
