// The scatter as Plotly wants it: where its axes end, what is drawn, and which names have room.

import type { Theme } from "../charts/theme";
import type { Point, Speeds } from "./filters";
import type { Kind, Row } from "./protocol";
import { inShort, licenseFlag, percent, plainName, shortName } from "./words";

export type AxisName = "macs" | "parameters" | "speed";

interface Axis {
  label: string;
  title: string;
  help: string;
  /** What is said where no row has a figure. */
  nothing: string;
  value(row: Row, speeds: Speeds): number;
}

const NOTHING = "No model that passes has a published accuracy";

export const AXES: Record<AxisName, Axis> = {
  macs: {
    label: "Compute", title: "GMACs per image", help: "Multiply-accumulates of one image, at the size that the weights were made for",
    nothing: NOTHING, value: (row) => row.macs / 1e9,
  },
  parameters: {
    label: "Parameters", title: "million parameters", help: "Size of the model", nothing: NOTHING,
    value: (row) => row.parameters / 1e6,
  },
  speed: {
    label: "Speed here", title: "images per second in training, measured here", help: "Images per second, measured on this device",
    nothing: "Nothing was measured on this device yet: tick models in the table and press Measure",
    value: (row, speeds) => speeds[row.name] ?? Number.NaN,
  },
};

/** Ends of both axes; of the logarithmic one as exponents. */
export interface Ranges {
  x: [number, number];
  y: [number, number];
}

export interface Frame {
  axis: AxisName;
  ranges: Ranges;
  theme: Theme;
  width: number;
  height: number;
}

const MARGIN = { l: 40, r: 14, t: 16, b: 38 };
const FONT_PX = 11;
/** Room that a name takes, by letter and by line. */
const LETTER_PX = 6.4;
const LINE_PX = 14;
const TICK_PX = 34;
/** The least accurate are left below the picture: a few of them would squeeze all others. */
const BELOW = 0.02;

/** Ends of the picture: all that `kept` holds and all but the least accurate of the rest. */
export function rangesOf(points: readonly Point[], kept: readonly Point[]): Ranges {
  const xs = points.map(({ x }) => Math.log10(x));
  const ys = points.map(({ y }) => y).sort((a, b) => a - b);
  const low = Math.min(ys[Math.floor(ys.length * BELOW)] ?? 0, ...kept.map(({ y }) => y));
  return { x: padded(xs, 0.04, 0.5), y: padded(ys.filter((y) => y >= low), 0.05, 2) };
}

function padded(values: number[], part: number, least: number): [number, number] {
  if (!values.length) return [0, 1];
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const air = Math.max((high - low) * part, high > low ? 0 : least);
  return [low - air, high + air];
}

/** Points of the front whose names have room above the line, the most accurate first; none lies on the chosen one's. */
export function named(best: readonly Point[], { axis, ranges, width, height }: Frame, chosen?: Point): Set<Point> {
  const [across, up] = [width - MARGIN.l - MARGIN.r, height - MARGIN.t - MARGIN.b];
  const place = (point: Point) => ({
    x: ((Math.log10(point.x) - ranges.x[0]) / (ranges.x[1] - ranges.x[0])) * across,
    y: ((ranges.y[1] - point.y) / (ranges.y[1] - ranges.y[0])) * up,
    long: shortName(point.row).length * LETTER_PX,
  });
  const taken: [left: number, right: number, top: number][] = [];
  if (chosen) {
    const { x, y, long } = place(chosen);
    const left = isRight(chosen, ranges) ? x - 1.1 * long : x - LINE_PX;
    for (const line of [0, LINE_PX, 2 * LINE_PX]) taken.push([left, left + 1.2 * long + LINE_PX, y + line]);
  }
  const names = new Set<Point>();
  for (const point of [...best].sort((a, b) => b.y - a.y)) {
    const { x, y, long } = place(point);
    const [left, right] = axis === "speed" ? [x, x + long] : [x - long, x];
    const inside = left > 0 && right <= across + MARGIN.r && y >= 0 && y < up;
    if (point === chosen || !inside) continue;
    if (taken.some((one) => left < one[1] && right > one[0] && Math.abs(y - LINE_PX / 2 - one[2]) < LINE_PX)) continue;
    names.add(point);
    taken.push([left, right, y - LINE_PX / 2]);
  }
  return names;
}

function isRight({ x }: Point, { x: [from, to] }: Ranges): boolean {
  return Math.log10(x) > (from + to) / 2;
}

export interface Marked {
  chosen: Row | undefined;
  shortlist: ReadonlySet<string>;
}

/** Dots by kind, the front as a line with names, rings around the shortlisted and the chosen. */
export function traces(
  points: readonly Point[], best: readonly Point[], names: ReadonlySet<Point>, marked: Marked, frame: Frame,
  colours: Record<Kind, string>,
): object[] {
  const { theme } = frame;
  const kinds = Object.entries(colours).map(([kind, color]) => {
    const its = points.filter(({ row }) => row.kind === kind);
    return dots(its, { size: 6, color, opacity: 0.5, line: { width: 0 } }, kind);
  });
  const line = {
    ...dots(best, { size: 7, color: best.map(({ row }) => colours[row.kind]), line: { width: 1, color: theme.ink } }, "front"),
    mode: "lines+markers+text",
    line: { color: theme.ink, width: 1.2, dash: "dot" },
    text: best.map((point) => (names.has(point) ? shortName(point.row) : "")),
    textposition: frame.axis === "speed" ? "top right" : "top left",
    textfont: { size: FONT_PX, color: theme.ink },
  };
  const ring = (its: Point[], size: number, color: string, width: number, name: string) =>
    dots(its, { size, color: "rgba(0,0,0,0)", line: { width, color } }, name);
  const listed = points.filter(({ row }) => marked.shortlist.has(row.name));
  const chosen = points.filter(({ row }) => row === marked.chosen);
  return [...kinds, line, ring(listed, 11, theme.soft, 1.5, "shortlisted"), ring(chosen, 15, CHOSEN, 2.5, "chosen")];
}

/** Colour of what is chosen, in both themes. */
const CHOSEN = "#c9568b";

function dots(points: readonly Point[], marker: object, name: string) {
  return {
    type: "scatter", mode: "markers", name, marker, cliponaxis: false,
    x: points.map(({ x }) => x), y: points.map(({ y }) => y),
    customdata: points.map(({ row }) => row.name),
    hovertext: points.map(({ row }) => hover(row)), hovertemplate: "%{hovertext}<extra></extra>",
  };
}

function hover(row: Row): string {
  const size = Number.isNaN(row.imageSize) ? "" : `${row.imageSize} px`;
  const facts = [inShort(row), size, licenseFlag(row)].filter(Boolean);
  return `<b>${plainName(row)}</b><br>${percent(row.top1)} top-1<br>${facts.join(" · ")}`;
}

/** Axes, colours, and the name of what is chosen on a ground of its own: it lies among the dots. */
export function layout({ axis, ranges, theme, width }: Frame, chosen: Point | undefined): object {
  const plain = { gridcolor: theme.line, linecolor: theme.line, zeroline: false, tickfont: { color: theme.soft }, ticks: "" };
  // Labels at 1, 2 and 5 where there is room for three a decade.
  const dtick = (width / (ranges.x[1] - ranges.x[0])) > 3 * TICK_PX ? "D2" : 1;
  const title = (text: string) => ({ text, font: { size: FONT_PX, color: theme.soft }, standoff: 6 });
  return {
    margin: MARGIN, showlegend: false, autosize: true, dragmode: "zoom", hovermode: "closest",
    font: { family: theme.font, size: FONT_PX, color: theme.ink },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { bgcolor: theme.ground, bordercolor: theme.line, align: "left", font: { color: theme.ink, size: FONT_PX } },
    annotations: chosen ? [nameTag(chosen, ranges, theme)] : [],
    xaxis: { ...plain, type: "log", range: [...ranges.x], title: title(AXES[axis].title), tickformat: "~g", dtick, exponentformat: "none" },
    yaxis: { ...plain, range: [...ranges.y], title: title("ImageNet top-1, %"), nticks: 8 },
  };
}

function nameTag({ row, x, y }: Point, ranges: Ranges, theme: Theme): object {
  const right = isRight({ row, x, y }, ranges);
  return {
    x: Math.log10(x), y, text: `<b>${shortName(row)}</b>`, showarrow: false, captureevents: false,
    xanchor: right ? "right" : "left", yanchor: "top", xshift: right ? 8 : -8, yshift: -11,
    font: { size: FONT_PX, color: theme.ink }, bgcolor: theme.ground, bordercolor: CHOSEN, borderpad: 2, opacity: 0.92,
  };
}

export const CONFIG = { displayModeBar: false, responsive: false, showTips: false, doubleClick: false };
