// Plotly, of which only a few calls are used; its code runs when the first chart is drawn.

export interface PlotlyElement extends HTMLDivElement {
  on(event: string, listener: (data: Record<string, unknown>) => void): void;
}

export interface Plotly {
  react(into: HTMLElement, data: object[], layout: object, config: object): Promise<PlotlyElement>;
  purge(from: HTMLElement): void;
  Plots: { resize(element: HTMLElement): Promise<void> };
}

declare const require: (name: string) => Plotly;

/** The library; evaluating its 1.2 MB takes a moment, so the first words stand on the page before. */
export function plotly(): Plotly {
  return require("plotly.js-basic-dist-min");
}
