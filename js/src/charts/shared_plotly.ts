// One Plotly for all bundles of a page: only the charts' bundle carries it.

export interface PlotlyElement extends HTMLDivElement {
  on(event: string, listener: (data: Record<string, unknown>) => void): void;
}

export interface Plotly {
  react(into: HTMLElement, data: object[], layout: object, config: object): Promise<PlotlyElement>;
  purge(from: HTMLElement): void;
  Plots: { resize(element: HTMLElement): Promise<void> };
}

const SHARED = Symbol.for("nbfinetune.plotly");

type Page = typeof globalThis & { [SHARED]?: Plotly };

/** What is on the page already, else what `make` gives. */
export function sharedPlotly(make: () => Plotly): Plotly {
  return ((globalThis as Page)[SHARED] ??= make());
}

/** For a bundle that carries none: what is on the page already, else out of the charts' own script. */
export async function fetchedPlotly(fetch: () => Promise<ArrayBuffer>): Promise<Plotly> {
  const there = (globalThis as Page)[SHARED];
  if (there) return there;
  const url = URL.createObjectURL(new Blob([await fetch()], { type: "text/javascript" }));
  try {
    return ((await import(url)) as { plotly: () => Plotly }).plotly();
  } finally {
    URL.revokeObjectURL(url);
  }
}
