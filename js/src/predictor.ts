// A run's model at work: pictures dropped, pasted or taken, and what the model says of them.

import { sharing } from "./lib/views";
import { Store } from "./predictor/store";
import { PredictorView } from "./predictor/view";

export default sharing(
  (model, signal) => new Store(model, signal),
  (model, store, root, signal) => new PredictorView(model, store, root, signal),
);
