// What an evaluation shows: cells that fit, orders that help, and words for figures and images.

import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf, sorted } from "../src/evaluation/class_table";
import { mostConfused } from "../src/evaluation/confusion";
import { matrixFigure, planOf, shares } from "../src/evaluation/matrix";
import type { Calibration, Confusion, Figure, PerClass, Query } from "../src/evaluation/protocol";
import {
  calibrationWords, cellWords, intervalOf, narrowedWords, nothingWords, probable, valueOf, widened, wordsOf,
} from "../src/evaluation/words";
import { EXCLUDED, type Row } from "../src/gallery/protocol";

const NAMES = ["daisy", "<b>rose", "tulip"];
const CONFUSION: Confusion = { classes: NAMES, cells: [[0, 0, 8], [0, 1, 2], [1, 1, 5], [2, 0, 4], [2, 2, 1]], of: 3, words: "" };
const SUPPORT = new Map([["daisy", 10], ["<b>rose", 5], ["tulip", 20]]);
const THEME = { ink: "rgb(1, 2, 3)", soft: "rgb(9, 9, 9)", line: "#ccc", ground: "#fff", font: "x" };
const nameOf = (number: number) => NAMES[number] ?? "";

test("cells fill the width, are square where there are many, and flat where there are few", () => {
  for (const classes of [2, 5, 10, 40]) {
    for (const width of [180, 330, 560]) {
      const { margin, cell, height, every } = planOf(Array.from({ length: classes }, (_, i) => `class ${i}`), width);
      assert.ok(margin.l + cell[0] * classes <= width);
      assert.ok(cell[1] <= cell[0] && cell[1] <= 64);
      assert.equal(height, Math.round(cell[1] * classes) + margin.t + margin.b);
      assert.ok(every[1] * cell[1] >= 13);
    }
  }
  assert.equal(planOf(["a", "b"], 400).flat, true);
  assert.equal(planOf(Array.from({ length: 20 }, () => "long name"), 400).flat, false);
});

test("a cell's part is of all images of its class, those that the matrix leaves out too", () => {
  assert.deepEqual(shares(CONFUSION, SUPPORT), [0.8, 0.2, 1, 0.2, 0.05]);
  assert.deepEqual(shares(CONFUSION, new Map()), [1, 1, 1, 1, 1]);
});

test("the matrix is one trace of bars, names stay text, and the chosen cell is framed", () => {
  const { data, layout } = matrixFigure(CONFUSION, SUPPORT, ["tulip", "daisy"], { theme: THEME, width: 400 });
  const [bars] = data as { x: number[]; base: number[]; hovertext: string[] }[];
  assert.equal(data.length, 1);
  assert.deepEqual(bars!.x, [0, 1, 1, 0, 2]);
  assert.match(bars!.hovertext[1]!, /^daisy taken for &lt;b&gt;rose, 2 images<br>20\.0 % of daisy$/);
  const [frame] = layout["shapes"] as Record<string, number>[];
  assert.deepEqual([frame!["x0"], frame!["y0"]], [-0.5, 1.5]);
  const none = matrixFigure(CONFUSION, SUPPORT, ["tulip", "gone"], { theme: THEME, width: 400 });
  assert.deepEqual(none.layout["shapes"], []);
});

test("the most confused pairs come first, and what is right is none", () => {
  assert.deepEqual(mostConfused(CONFUSION), [["tulip", "daisy", 4], ["daisy", "<b>rose", 2]]);
  assert.deepEqual(mostConfused({}), []);
});

test("classes stay in the order that they came in until a column is chosen; what is undefined is last", () => {
  const rows: PerClass[] = [
    [2, null, 0.1, null, 20, null, [0, 4]], [0, 0.9, 0.8, 0.85, 10, 0.99, [1, 2]], [1, 0.7, 1, 0.82, 5, 0.9, null],
  ];
  const lines = linesOf(rows, nameOf);
  assert.deepEqual(lines[0]!.worst, ["daisy", 4]);
  const names = (column?: Parameters<typeof sorted>[1]) => sorted(lines, column).map(({ name }) => name);
  assert.deepEqual(names(), ["tulip", "daisy", "<b>rose"]);
  assert.deepEqual(names("f1"), ["<b>rose", "daisy", "tulip"]);
  assert.deepEqual(names("images"), ["tulip", "daisy", "<b>rose"]);
  assert.deepEqual(names("worst"), ["tulip", "daisy", "<b>rose"]);
  assert.deepEqual(names("name"), ["<b>rose", "daisy", "tulip"]);
});

test("a figure is a part or a number, and an interval appears once it is known", () => {
  const figure: Figure = { name: "accuracy", words: "Accuracy", value: 0.9345, low: null, high: null, note: "" };
  assert.equal(valueOf(figure), "93.5 %");
  assert.equal(intervalOf(figure), "");
  assert.equal(intervalOf({ ...figure, low: 0.91, high: 0.951 }), "91.0 – 95.1 %");
  assert.equal(valueOf({ ...figure, name: "roc_auc" }), "0.934");
  assert.equal(valueOf({ ...figure, value: null }), "–");
});

test("a tile tells what was taken for what, and by which probability", () => {
  const row = (label: number, predicted: number | null, probability: number | null, suggested: number | null = null): Row =>
    [7, "a/b.jpg", label, 1, EXCLUDED, predicted, probability, suggested, null];
  const said = (one: Row, group: Query["group"]) => {
    const { caption, label } = wordsOf(one, nameOf, group);
    return [caption, label].map((words) => words.replaceAll("\u00a0", " "));
  };
  assert.deepEqual(said(row(0, 2, 0.968), "mistakes"), ["daisy → tulip 97 %", "daisy, taken for tulip 97 %"]);
  assert.deepEqual(said(row(0, 0, 0.51), "all"), ["daisy", "daisy 51 %"]);
  assert.deepEqual(said(row(0, 0, 0.51), "uncertain"), ["daisy 51 %", "daisy 51 %"]);
  assert.deepEqual(said(row(0, 2, 0.9, 2), "label_errors"), ["daisy → tulip?", "daisy, rather tulip?"]);
  assert.deepEqual(said(row(2, 2, 0.9, 2), "label_errors"), ["tulip", "tulip 90 %"]);
  assert.deepEqual(said(row(0, null, null), "mistakes"), ["daisy", "daisy"]);
  assert.deepEqual([0.996, 0.9999, 0.03].map((part) => probable(part).replace("\u00a0", " ")), ["99.6 %", "100 %", "3 %"]);
});

test("what narrows the images is said, and taken back", () => {
  const cell: Query = { group: "cell", label: "daisy", predicted: "tulip" };
  assert.equal(narrowedWords(cell), "daisy taken for tulip");
  assert.equal(narrowedWords({ ...cell, predicted: "daisy" }), "daisy recognised");
  assert.equal(narrowedWords({ group: "mistakes", label: "daisy", predicted: "" }), "daisy");
  assert.equal(narrowedWords({ group: "all", label: "", predicted: "" }), "");
  assert.deepEqual(widened(cell), { group: "mistakes", label: "", predicted: "" });
  assert.equal(cellWords("daisy", "tulip", 1), "daisy taken for tulip, 1 image");
  assert.equal(nothingWords({ ...cell, group: "label_errors" }, "none"), "Label errors are not searched for yet.");
});

test("calibration is a sentence", () => {
  const of = (bins: Calibration["bins"]) => calibrationWords({ ece: 0, temperature: 1.3, bins });
  assert.match(of([[0.9, 0.5, 10], [0.5, 0.5, 10]]), /^Overconfident: it says 70 % on average and is right in 50 %\. Temp/);
  assert.match(of([[0.6, 0.9, 10]]), /^Too cautious/);
  assert.equal(of([]), "");
});
