// A snapshot and the deltas that continue it: nothing twice, and what was missed is noticed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf } from "../src/charts/lines";
import type { Delta, Snapshot } from "../src/charts/protocol";
import { EPOCH_COLUMNS } from "../src/charts/protocol";
import { RunData } from "../src/charts/run_data";

const STANDING = { status: "running", totalSteps: 1000, stepsPerEpoch: 100, batchSize: 32 };

function view(...values: number[]): DataView {
  // At an odd place in a larger buffer, as they come from the kernel.
  const bytes = new Uint8Array(values.length * 8 + 3);
  bytes.set(new Uint8Array(Float64Array.from(values).buffer), 3);
  return new DataView(bytes.buffer, 3);
}

const step = (n: number) => [n, n, 1, 0.5, 0.5, 0.5, 1e-3, 300, 0.01, 512];
const epoch = (n: number) => [n * 100, n, 1, ...Array(EPOCH_COLUMNS - 3).fill(0.5)];

function snapshot(seq: number, ...steps: number[]): [Snapshot, DataView[]] {
  const message: Snapshot = { kind: "snapshot", run: 0, seq, marks: [], trouble: "", ...STANDING };
  return [message, [view(...steps.flatMap(step)), view(...epoch(1)), view(1, 1e-3, 500, 1e-4)]];
}

function delta(after: number, seq: number, ...steps: number[]): [Delta, DataView[]] {
  const message: Delta = { kind: "delta", run: 0, after, seq, marks: [[after, "paused"]], trouble: "", planned: false, ...STANDING };
  return [message, [view(...steps.flatMap(step)), view()]];
}

function known(): RunData {
  const run = new RunData();
  run.reset(...snapshot(10, 1, 2, 3));
  return run;
}

test("a delta continues a snapshot", () => {
  const run = known();
  assert.equal(run.add(...delta(10, 12, 4, 5)), true);
  assert.equal(run.digest.size, 5);
  assert.deepEqual(run.marks, [[10, "paused"]]);
});

test("a delta that was in the snapshot already adds nothing", () => {
  const run = known();
  assert.equal(run.add(...delta(8, 10, 2, 3)), true);
  assert.equal(run.digest.size, 3);
});

test("a gap is noticed and nothing is taken in", () => {
  const run = known();
  assert.equal(run.add(...delta(11, 12, 5)), false);
  assert.equal(run.seq, 10);
  assert.equal(run.digest.size, 3);
});

test("a delta before any snapshot is a gap", () => {
  assert.equal(new RunData().add(...delta(0, 1, 1)), false);
});

test("a status alone is taken over", () => {
  const run = known();
  const [message, buffers] = delta(10, 10);
  run.add({ ...message, status: "interrupted" }, buffers);
  assert.equal(run.standing.status, "interrupted");
});

test("a snapshot after a restart forgets what was drawn", () => {
  const run = known();
  run.add(...delta(10, 12, 4, 5));
  run.reset(...snapshot(20, 1, 2));
  assert.equal(run.digest.size, 2);
  assert.equal(run.seq, 20);
});

test("the planned rate goes on where the past ends, and is dashed", () => {
  const options = { smoothing: 0.9, byEpoch: false, hidden: new Set<string>() };
  const [past, planned] = linesOf("learning_rate", [known()], 0, options);
  assert.deepEqual(past?.x, [1, 2, 3]);
  assert.deepEqual(planned?.x, [500]);
  assert.equal(planned?.dash, "dash");
});

test("epochs can be counted instead of steps", () => {
  const options = { smoothing: 0, byEpoch: true, hidden: new Set<string>() };
  const accuracy = linesOf("metrics", [known()], 0, options)[0];
  assert.deepEqual(accuracy?.x, [1]);
});

test("lines of one run differ by measure, lines of several by run", () => {
  const options = { smoothing: 0, byEpoch: false, hidden: new Set<string>() };
  const runs = [known(), known()];
  const colours = (all: RunData[], place: number) => linesOf("metrics", all, place, options).map((line) => line.colour);
  assert.ok(new Set(colours(runs.slice(0, 1), 0)).size > 4);
  assert.equal(new Set(colours(runs, 0)).size, 1);
  assert.notEqual(colours(runs, 0)[0], colours(runs, 1)[0]);
});

test("a line of many epochs goes without a dot for each", () => {
  const marked = (epochs: number) => {
    const run = new RunData();
    const [message] = snapshot(10);
    run.reset(message, [view(), view(...Array.from({ length: epochs }, (_, n) => epoch(n + 1)).flat()), view()]);
    const options = { smoothing: 0, byEpoch: false, hidden: new Set<string>() };
    return linesOf("metrics", [run], 0, options).find((line) => line.key === "macro_f1")?.markers;
  };
  assert.equal(marked(120), true);
  assert.equal(marked(121), false);
});
