// Loss, metrics, learning rate and throughput of runs, live.

import { Feed } from "./charts/feed";
import { ChartsView } from "./charts/view";
import { sharing } from "./lib/views";

export default sharing(
  (model, signal) => new Feed(model, signal),
  (model, feed, root, signal) => new ChartsView(model, feed, root, signal),
);

/** For bundles that draw with the same Plotly and carry none. */
export { plotly } from "./charts/plotly";
