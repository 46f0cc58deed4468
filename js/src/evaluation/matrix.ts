// The confusion matrix as Plotly wants it: a bar to a cell, since the small build of it has no heat map.

import { asText, axis, plain } from "../charts/plain";
import type { Figure, Frame } from "../charts/small_plot";
import { colour, type Theme } from "../charts/theme";
import type { Confusion } from "./protocol";
import { cellWords, percent } from "./words";

const FONT_PX = 11;
const LETTER_PX = 6.2;
const TITLE_PX = 18;
/** Letters of a name that an axis has room for. */
const MOST_LETTERS = 14;
/** A name needs so much along its axis; a count so much in its cell. */
const LINE_PX = 13;
const COUNT_PX = 22;
const HIGHEST_CELL_PX = 64;
/** Cells narrower than this touch each other. */
const APART_PX = 12;
const [RIGHT, WRONG] = [colour(0), colour(1)];

/** Where the cells lie, in pixels. */
export interface Plan {
  margin: { l: number; r: number; t: number; b: number };
  /** Width and height of a cell. */
  cell: [number, number];
  height: number;
  /** One name in so many is written, across and down. */
  every: [number, number];
  /** Names across lie flat; else they stand. */
  flat: boolean;
}

/** A plan of the matrix for a place so wide. */
export function planOf(names: readonly string[], width: number): Plan {
  const longest = LETTER_PX * Math.max(...names.map((name) => short(name).length));
  const margin = { l: Math.round(longest + TITLE_PX + 8), r: 2, t: 2, b: 0 };
  const across = Math.max(1, (width - margin.l - margin.r) / names.length);
  const down = Math.min(across, HIGHEST_CELL_PX);
  const flat = longest + 4 <= across;
  margin.b = Math.round((flat ? LINE_PX + 4 : longest + 8) + TITLE_PX);
  const height = Math.round(down * names.length) + margin.t + margin.b;
  const every = (size: number) => Math.ceil(LINE_PX / size);
  return { margin, cell: [across, down], height, every: [flat ? 1 : every(across), every(down)], flat };
}

/** Part of its class's images that a cell holds, by the images that each class has. */
export function shares({ classes, cells }: Confusion, support: ReadonlyMap<string, number>): number[] {
  return cells.map(([label, , images]) => images / Math.max(images, support.get(classes[label] ?? "") ?? 0));
}

/** The figure, with the chosen cell in a frame. */
export function matrixFigure(
  confusion: Confusion, support: ReadonlyMap<string, number>, chosen: readonly [string, string] | undefined, { theme, width }: Frame,
): Figure {
  const { classes } = confusion;
  const plan = planOf(classes, width);
  return {
    data: [bars(confusion, shares(confusion, support), plan, theme)],
    layout: {
      ...plain(theme), height: plan.height, margin: plan.margin, barmode: "overlay", showlegend: false, dragmode: false,
      plot_bgcolor: faded(theme.soft, 0.06),
      shapes: chosen ? framed(classes, chosen, theme) : [],
      xaxis: { ...sides(theme, "predicted"), ...ticks(classes, plan.every[0]), range: [-0.5, classes.length - 0.5], tickangle: plan.flat ? 0 : -90 },
      yaxis: { ...sides(theme, "label"), ...ticks(classes, plan.every[1], " "), range: [classes.length - 0.5, -0.5] },
    },
  };
}

function bars({ classes, cells }: Confusion, parts: readonly number[], { cell }: Plan, theme: Theme): object {
  const size = cell[1] < APART_PX ? 1 : 1 - 2 / cell[1];
  const name = (number: number) => classes[number] ?? "";
  return {
    type: "bar",
    x: cells.map(([, predicted]) => predicted),
    base: cells.map(([label]) => label - size / 2),
    y: cells.map(() => size),
    width: cell[0] < APART_PX ? 1 : 1 - 2 / cell[0],
    marker: { color: cells.map(([label, predicted], i) => faded(label === predicted ? RIGHT : WRONG, strength(parts[i] ?? 0))), line: { width: 0 } },
    text: cells.map(([, , images]) => (fits(images, cell) ? String(images) : "")),
    textposition: "inside", insidetextanchor: "middle", textangle: 0, constraintext: "none",
    textfont: { size: FONT_PX, color: theme.ink },
    hovertext: cells.map(([label, predicted, images], i) => `${asText(cellWords(name(label), name(predicted), images))}<br>${percent(parts[i] ?? 0)} of ${asText(name(label))}`),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
}

/** Few among many must be seen too: strength grows faster than the part does. */
function strength(part: number): number {
  return 0.14 + 0.76 * Math.sqrt(part);
}

function fits(images: number, [width, height]: Plan["cell"]): boolean {
  return width >= Math.max(COUNT_PX, LETTER_PX * (String(images).length + 1)) && height >= LINE_PX + 3;
}

function framed(classes: readonly string[], [label, predicted]: readonly [string, string], theme: Theme): object[] {
  const [y, x] = [classes.indexOf(label), classes.indexOf(predicted)];
  if (x < 0 || y < 0) return [];
  return [{ type: "rect", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, line: { color: theme.ink, width: 2 } }];
}

function sides(theme: Theme, title: string): object {
  return { ...axis(theme), fixedrange: true, showgrid: false, title: { text: title, font: { size: FONT_PX, color: theme.soft }, standoff: 4 } };
}

function ticks(names: readonly string[], every: number, after = ""): object {
  const places = names.map((_, number) => number).filter((number) => number % every === 0);
  return { tickvals: places, ticktext: places.map((number) => `${asText(short(names[number]!))}${after}`) };
}

/** Names of many classes begin alike: the middle gives way. */
function short(name: string): string {
  return name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 7)}…${name.slice(-6)}` : name;
}

/** A colour let through: "#rrggbb" or "rgb(…)". */
function faded(value: string, opacity: number): string {
  const parts = value.startsWith("#")
    ? [1, 3, 5].map((from) => Number.parseInt(value.slice(from, from + 2), 16))
    : (value.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
  return `rgba(${parts.join(", ")}, ${opacity.toFixed(3)})`;
}
