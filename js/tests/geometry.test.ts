// Where tiles lie, and which of them are in sight, at any length.

import assert from "node:assert/strict";
import { test } from "node:test";

import { asText } from "../src/charts/plain";
import { GAP, isIn, neighbour, photoPlan, rowsInSight, scrollTo, viewsPlan } from "../src/gallery/geometry";
import { fileName } from "../src/gallery/protocol";

test("as many columns as fit, and never more than the place is wide", () => {
  for (const width of [277, 558, 1080, 1700]) {
    const plan = photoPlan(width, 1000, 104, 20);
    assert.ok(plan.columns * plan.tile + (plan.columns - 1) * GAP <= width);
    assert.equal(plan.rows, Math.ceil(1000 / plan.columns));
  }
});

test("one image to a row where draws are compared", () => {
  const plan = viewsPlan(1080, 50, 104, 20, 6);
  assert.deepEqual([plan.columns, plan.rows], [6, 50]);
});

test("of a hundred thousand images only those in sight are drawn", () => {
  const plan = photoPlan(1080, 100_000, 104, 20);
  const [first, last] = rowsInSight(plan, plan.height / 2, 470, 1);
  assert.ok((last - first) * plan.columns < 100);
  assert.ok(first * plan.rowHeight <= plan.height / 2);
  assert.ok(last * plan.rowHeight >= plan.height / 2 + 470);
  assert.equal(rowsInSight(plan, plan.height, 470, 1)[1], plan.rows);
  assert.deepEqual(rowsInSight(photoPlan(500, 0, 104, 20), 0, 470, 1), [0, 0]);
});

test("keys walk the grid and stay in it", () => {
  assert.equal(neighbour("ArrowDown", 3, 5, 3, 100), 8);
  assert.equal(neighbour("ArrowUp", 3, 5, 3, 100), 0);
  assert.equal(neighbour("PageDown", 3, 5, 3, 100), 18);
  assert.equal(neighbour("End", 3, 5, 3, 100), 99);
  assert.equal(neighbour("x", 3, 5, 3, 100), undefined);
});

test("a row is brought into sight by the shortest way", () => {
  const plan = photoPlan(500, 1000, 104, 20);
  assert.equal(scrollTo(plan, 0, 300, 400), 0);
  assert.equal(scrollTo(plan, 3, 2 * plan.rowHeight, 4 * plan.rowHeight), 2 * plan.rowHeight);
  assert.equal(scrollTo(plan, 9, 0, 300), 10 * plan.rowHeight - GAP - 300);
});

test("a place is found in spans", () => {
  const spans: [number, number][] = [[1, 3], [7, 7], [10, 90]];
  const found = [0, 1, 3, 4, 7, 8, 10, 50, 90, 91].filter((place) => isIn(spans, place));
  assert.deepEqual(found, [1, 3, 7, 10, 50, 90]);
  assert.equal(isIn([], 0), false);
});

test("names stay text in a chart, and lose their folders on a tile", () => {
  assert.equal(asText("<b>R&D</b>"), "&lt;b&gt;R&amp;D&lt;/b&gt;");
  assert.equal(fileName("cats/a/<i>.jpg"), "<i>.jpg");
  assert.equal(fileName("image 7"), "image 7");
});
