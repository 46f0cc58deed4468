// The trade-off as Plotly wants it: predicted line with its band, measured dots, where the slider stands.

import { colour, type Theme } from "../charts/theme";
import { count } from "../lib/wording";
import { END, mostOf, standingAt } from "./board";
import type { Board, Outcome, Point } from "./protocol";
import { accuracy, part, span } from "./words";

/** Room around the picture: the slider below is laid by it, so that its thumb stands under the dot. */
export const MARGIN = { l: 42, r: 14, t: 4, b: 22 };
const FONT_PX = 11;
const WORDS_PX = 18;
/** A picture so tall has room for six lines across. */
const TALL_PX = 220;
const PREDICTED = colour(0);
const RECOVERED = colour(2);
/** Colour of where the slider stands, as of all that is chosen. */
const CHOSEN = colour(3);

export interface Frame {
  theme: Theme;
  width: number;
  height: number;
}

/** Where an amount lies across, in pixels. */
export function xOf(amount: number, width: number): number {
  return MARGIN.l + (amount / END) * (width - MARGIN.l - MARGIN.r);
}

/** The amount at a place across. */
export function amountAt(x: number, width: number): number {
  return (END * (x - MARGIN.l)) / Math.max(1, width - MARGIN.l - MARGIN.r);
}

/** Where an accuracy lies down, in pixels. */
export function yOf(value: number, board: Board, height: number): number {
  return MARGIN.t + (1 - value / topOf(board, height)) * (height - MARGIN.t - MARGIN.b);
}

/** Everything but the slider's dot: the same until something is measured. */
export function curveTraces(board: Board, points: readonly Point[], outcome: Outcome, theme: Theme): object[] {
  const { amounts = [], accuracy: line = [], low = [], high = [] } = board;
  const last = amounts.filter((amount) => amount <= END + 1e-9).length;
  const x = amounts.slice(0, last);
  const hover = x.map((amount, i) => `${part(amount)}: ${accuracy(line[i])} predicted${band(low[i], high[i])}`);
  const edge = { type: "scatter", mode: "lines", hoverinfo: "skip", line: { width: 0 } };
  return [
    { ...edge, name: "low", x, y: low.slice(0, last) },
    { ...edge, name: "high", x, y: high.slice(0, last), fill: "tonexty", fillcolor: `${PREDICTED}26` },
    { type: "scatter", mode: "lines", name: "predicted", x, y: line.slice(0, last), line: { color: PREDICTED, width: 1.8 }, text: hover, hovertemplate: "%{text}<extra></extra>" },
    {
      ...dots(points.map(([amount, value]): [number, number] => [amount, value]), "measured", theme),
      marker: { size: 6.5, color: PREDICTED, line: { width: 1.2, color: theme.ground } },
      text: points.map(([amount, value, images]) => `${part(amount)}: ${accuracy(value)} measured on ${count(images)} images`),
    },
    ...recovered(board, outcome, theme),
  ];
}

/** The slider's dot, and the line down from it. */
export function cursorTraces(board: Board, amount: number, theme: Theme): object[] {
  const { accuracy: value } = standingAt(board, amount);
  const line = { type: "scatter", mode: "lines", name: "amount", x: [amount, amount], y: [0, value ?? 1], hoverinfo: "skip", line: { color: CHOSEN, width: 1.2, dash: "dot" } };
  const dot = {
    ...dots(value === null ? [] : [[amount, value]], "here", theme),
    marker: { size: 11, color: CHOSEN, line: { width: 2, color: theme.ground } }, hoverinfo: "skip", hovertemplate: undefined,
  };
  return [line, dot];
}

function recovered(board: Board, { amount, accuracy: value }: Outcome, theme: Theme): object[] {
  if (amount === undefined || value === undefined || value === null) return [];
  const cut = standingAt(board, amount).accuracy;
  const rise = cut === null ? [] : [{ type: "scatter", mode: "lines", name: "recovery", x: [amount, amount], y: [cut, value], hoverinfo: "skip", line: { color: RECOVERED, width: 1.5 } }];
  return [...rise, {
    ...dots([[amount, value]], "recovered", theme),
    marker: { symbol: "diamond", size: 10, color: RECOVERED, line: { width: 1.5, color: theme.ground } },
    text: [`${part(amount)}: ${accuracy(value)} after recovery`],
  }];
}

function dots(places: readonly [number, number][], name: string, theme: Theme) {
  return {
    type: "scatter", mode: "markers", name, cliponaxis: false, marker: { color: theme.ink },
    x: places.map(([x]) => x), y: places.map(([, y]) => y), hovertemplate: "%{text}<extra></extra>",
  };
}

function band(low: number | null | undefined, high: number | null | undefined): string {
  const words = span(low ?? null, high ?? null);
  return words && ` (${words})`;
}

/** Top of the axis: room for a line of words over the whole model's. */
function topOf(board: Board, height: number): number {
  const up = height - MARGIN.t - MARGIN.b;
  return ((board.whole?.accuracy ?? 1) * up) / (up - WORDS_PX);
}

/** Axes that stay where they are as points come: from nothing to a little above the whole model. */
export function layout(board: Board, { theme, width, height }: Frame): object {
  const plain = { linecolor: theme.line, gridcolor: theme.line, zeroline: false, tickfont: { color: theme.soft }, ticks: "", fixedrange: true };
  const whole = board.whole?.accuracy ?? null;
  return {
    width, height, margin: MARGIN, showlegend: false, hovermode: "closest", dragmode: false,
    font: { family: theme.font, size: FONT_PX, color: theme.ink },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { bgcolor: theme.ground, bordercolor: theme.line, align: "left", font: { color: theme.ink, size: FONT_PX } },
    xaxis: { ...plain, range: [0, END], ...ticks([0, 0.25, 0.5, 0.75]), showline: true },
    yaxis: { ...plain, range: [0, topOf(board, height)], ...ticks(height < TALL_PX ? [0, 0.5, 1] : [0, 0.2, 0.4, 0.6, 0.8, 1]) },
    annotations: wholeWords(whole, theme),
    shapes: [...wholeLine(whole, theme), ...unreachable(board, theme)],
  };
}

function wholeLine(whole: number | null, theme: Theme): object[] {
  if (whole === null) return [];
  return [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: whole, y1: whole, layer: "below", line: { color: theme.soft, width: 1, dash: "dash" } }];
}

function wholeWords(whole: number | null, theme: Theme): object[] {
  if (whole === null) return [];
  const text = `whole model ${accuracy(whole)}`;
  return [{ xref: "paper", x: 1, xanchor: "right", y: whole, yanchor: "bottom", text, showarrow: false, captureevents: false, font: { size: FONT_PX, color: theme.soft } }];
}

function ticks(values: number[]): object {
  return { tickvals: values, ticktext: values.map(part) };
}

function unreachable(board: Board, theme: Theme): object[] {
  const most = mostOf(board);
  if (!board.amounts?.length || most >= END) return [];
  return [{ type: "rect", yref: "paper", x0: most, x1: END, y0: 0, y1: 1, layer: "below", fillcolor: theme.soft, opacity: 0.12, line: { width: 0 } }];
}

export const CONFIG = { displayModeBar: false, responsive: false, showTips: false, doubleClick: false, staticPlot: false };
