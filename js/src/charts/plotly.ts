// Plotly, of which only a few calls are used; its code runs when the first chart is drawn.

import { type Plotly, sharedPlotly } from "./shared_plotly";

export type { Plotly, PlotlyElement } from "./shared_plotly";

declare const require: (name: string) => Plotly;

/** The library; evaluating its 1.2 MB takes a moment, so the first words stand on the page before. */
export function plotly(): Plotly {
  return sharedPlotly(() => require("plotly.js-basic-dist-min"));
}
