// What every plain chart looks like, and texts that Plotly takes as texts.

import type { Theme } from "./theme";

export const CONFIG = { displayModeBar: false, responsive: false, showTips: false, doubleClick: false };

/** Fonts and grounds of the host's theme. */
export function plain(theme: Theme): object {
  return {
    font: { family: theme.font, size: 11, color: theme.ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    hoverlabel: { bgcolor: theme.ground, bordercolor: theme.line, font: { color: theme.ink, size: 11 } },
  };
}

/** An axis without a line of zero and without tick marks. */
export function axis(theme: Theme): object {
  return { gridcolor: theme.line, linecolor: theme.line, zeroline: false, tickfont: { color: theme.soft }, ticks: "" };
}

/** Plotly reads a little HTML in texts: the name of a folder must stay a name. */
export function asText(name: string): string {
  return name.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
