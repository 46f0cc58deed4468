// Loss, metrics, learning rate and throughput of runs, live.

import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";

import { ChartsView } from "./charts/view";
import { Feed } from "./charts/feed";

/** One per model: its views share what has come from the kernel. */
export default () => {
  let feed: Feed | undefined;
  const feedOf = (model: AnyModel, signal?: AbortSignal) => (feed ??= new Feed(model, signal));
  return {
    initialize({ model, signal }: InitializeProps) {
      feedOf(model, signal);
    },
    render({ model, el }: RenderProps) {
      const ending = new AbortController();
      new ChartsView(model, feedOf(model), el, ending.signal);
      return () => ending.abort();
    },
  };
};

/** For bundles that draw with the same Plotly and carry none. */
export { plotly } from "./charts/plotly";
