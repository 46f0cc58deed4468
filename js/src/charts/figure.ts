// Lines as Plotly wants them.

import type { Line } from "./lines";
import type { Theme } from "./theme";

/** What a person has zoomed to; undefined where a chart shows all. */
export type Span = [number, number] | undefined;

export interface Frame {
  log: boolean;
  /** Steps (or epochs) across. */
  across: [number, number];
  /** Zoomed values, in the axis' own units (exponents on a logarithmic one). */
  up: Span;
  /** Where the values may lie when nobody has zoomed; a single epoch would get an axis of any length. */
  limits: Record<string, unknown>;
  byEpoch: boolean;
  theme: Theme;
}

/** Traces of the lines that are shown. */
export function traces(lines: readonly Line[], labels: readonly string[], theme: Theme): object[] {
  return lines.map((line) => {
    const name = labels.length > 1 ? `${labels[line.run] ?? ""} ${line.name}` : line.name;
    return {
      type: "scatter",
      mode: line.symbol ? "markers" : line.markers ? "lines+markers" : "lines",
      x: line.x,
      y: line.y,
      yaxis: line.axis ?? "y",
      name,
      opacity: line.opacity ?? 1,
      line: { color: line.colour || theme.soft, width: line.width ?? 2, dash: line.dash },
      marker: line.symbol
        ? { symbol: line.symbol, size: 13, color: line.colour, line: { color: theme.ground, width: 1.5 } }
        : { size: 5, color: line.colour },
      ...(line.filled ? { fill: "tozeroy", fillcolor: tinted(line.colour) } : {}),
      connectgaps: !line.labels,
      ...(line.silent
        ? { hoverinfo: "skip" }
        : { text: line.labels ?? line.y.map(line.format), hovertemplate: `${name} %{text}<extra></extra>` }),
    };
  });
}

/** Axes, margins and colours of a chart. */
export function layout(frame: Frame, axes: ReadonlySet<string>): object {
  const { theme, across, up, log } = frame;
  const plain = {
    gridcolor: theme.line, linecolor: theme.line, zeroline: false, automargin: false,
    tickfont: { color: theme.soft }, ticks: "", fixedrange: false,
  };
  return {
    margin: { l: 50, r: axes.has("y2") ? 52 : 12, t: 6, b: 26 },
    font: { family: theme.font, size: 11, color: theme.ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: theme.ground, bordercolor: theme.line, font: { color: theme.ink, size: 11 } },
    dragmode: "zoom",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.soft, activecolor: theme.ink },
    xaxis: {
      ...plain, range: [...across], showgrid: false, showline: true, nticks: 6,
      hoverformat: frame.byEpoch ? ".2f" : ",.0f", tickformat: frame.byEpoch ? "~g" : "~s",
      unifiedhovertitle: { text: frame.byEpoch ? "<b>epoch %{x}</b>" : "<b>step %{x}</b>" },
    },
    yaxis: {
      ...plain, type: log ? "log" : "linear", nticks: 5,
      ...(up ? { range: [...up], autorange: false } : { autorange: true, ...frame.limits }),
      tickformat: log ? ".0e" : "~g", ...(log ? { dtick: 1 } : {}), exponentformat: "e",
    },
    ...(axes.has("y2") ? { yaxis2: { ...plain, overlaying: "y", side: "right", showgrid: false, tickmode: "auto", nticks: 4, rangemode: "tozero", tickformat: ".2~s", ticksuffix: "B" } } : {}),
    ...(axes.has("y3") ? { yaxis3: { overlaying: "y", visible: false, range: [0, 1], fixedrange: true } } : {}),
  };
}

export const CONFIG = {
  displaylogo: false,
  responsive: false,
  doubleClick: false,
  modeBarButtons: [["zoom2d", "pan2d", "toImage"]],
  showTips: false,
};

/** End of a time line that ends at `last`: a little further, so that it need not move every time. */
export function roundedEnd(last: number, total: number): number {
  if (last <= 0) return total || 1;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(last)) - 1) / 2;
  const end = Math.ceil((last * 1.01) / Math.max(unit, 1)) * Math.max(unit, 1);
  return total && end > total ? Math.max(total, last) : end;
}

function tinted(colour: string): string {
  return colour.startsWith("#") ? `${colour}2e` : colour;
}
