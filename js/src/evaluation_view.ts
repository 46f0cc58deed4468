// How good a trained model is, where it is wrong, and what to do about it.

import { EvaluationView } from "./evaluation/view";
import { Store } from "./gallery/store";
import { sharing } from "./lib/views";

export default sharing(
  (model, signal) => new Store(model, signal),
  (model, store, root, signal) => new EvaluationView(model, store, root, signal),
);
