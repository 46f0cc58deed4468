// Many steps in few buckets: nothing that matters is lost on the way.
import assert from "node:assert/strict";
import { test } from "node:test";

import { at, COLUMNS, COUNT, Digest, FIRST, LAST, LOSS_HIGH, LOSS_LOW, LOSS_SUM, mean, MOST_BUCKETS, refined, smoothed } from "../src/lib/digest";

function steps(first: number, losses: number[]): Float64Array {
  return Float64Array.from(losses.flatMap((loss, i) => [first + i, first + i, 1, loss, loss, loss, 1e-3, 300, 0.01, 512]));
}

const wobble = (i: number) => Math.sin(i * 1.7) + (i === 4321 ? 9 : 0);

test("extremes and sums stay exact however long the run is", () => {
  const digest = new Digest();
  const losses = Array.from({ length: 50_000 }, (_, i) => wobble(i));
  for (let i = 0; i < losses.length; i += 77) digest.extend(steps(i + 1, losses.slice(i, i + 77)));
  assert.ok(digest.size <= MOST_BUCKETS && digest.size > MOST_BUCKETS / 2);
  const rows = Array.from({ length: digest.size }, (_, row) => row);
  assert.equal(Math.max(...rows.map((row) => at(digest.rows, row, LOSS_HIGH))), Math.max(...losses));
  assert.equal(Math.min(...rows.map((row) => at(digest.rows, row, LOSS_LOW))), Math.min(...losses));
  assert.equal(rows.reduce((sum, row) => sum + at(digest.rows, row, COUNT), 0), losses.length);
  const sum = rows.reduce((total, row) => total + at(digest.rows, row, LOSS_SUM), 0);
  assert.ok(Math.abs(sum - losses.reduce((a, b) => a + b)) < 1e-6);
  assert.equal(digest.lastStep, 50_000);
});

test("a window in detail takes the place of its buckets and of nothing else", () => {
  const digest = new Digest();
  digest.extend(steps(1, Array.from({ length: 4096 }, (_, i) => wobble(i))));
  const width = at(digest.rows, 5, FIRST) - at(digest.rows, 4, FIRST);
  const [from, to] = [128 * width, 128 * width + 64 * width - 1];
  const fine = steps(from, Array.from({ length: to - from + 1 }, (_, i) => wobble(from - 1 + i)));
  const rows = refined(digest.rows, from, to, fine);
  const firsts = Array.from({ length: rows.length / COLUMNS }, (_, row) => at(rows, row, FIRST));
  assert.deepEqual(firsts, [...firsts].sort((a, b) => a - b));
  assert.equal(firsts.filter((step) => step >= from && step <= to).length, to - from + 1);
  const counts = Array.from({ length: rows.length / COLUMNS }, (_, row) => at(rows, row, COUNT));
  assert.equal(counts.reduce((a, b) => a + b), 4096);
  assert.equal(firsts[0], 1);
  assert.equal(at(rows, firsts.length - 1, LAST), 4096);
});

test("smoothing is debiased: a constant stays what it is", () => {
  const rows = steps(1, Array(20).fill(3));
  for (const value of smoothed(rows, (row) => mean(rows, row, LOSS_SUM), 0.95)) assert.ok(Math.abs(value - 3) < 1e-12);
});

test("a bucket weighs as much as the steps in it", () => {
  const one = steps(1, [1, 1, 1, 1, 0, 0, 0, 0]);
  const digest = new Digest();
  digest.extend(one);
  const single = smoothed(one, (row) => at(one, row, LOSS_SUM), 0.9).at(-1);
  const four = Float64Array.from([1, 4, 4, 1, 1, 4, 0, 0, 0, 0, 5, 8, 4, 0, 0, 0, 0, 0, 0, 0]);
  const coarse = smoothed(four, (row) => mean(four, row, LOSS_SUM), 0.9).at(-1);
  assert.ok(Math.abs((single ?? 0) - (coarse ?? 1)) < 1e-12);
});
