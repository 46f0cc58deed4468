// The images of a data set: searched, looked through, checked and edited.

import { Store } from "./gallery/store";
import { sharing } from "./lib/views";
import { PreviewView } from "./preview/view";

export default sharing(
  (model, signal) => new Store(model, signal),
  (model, store, root, signal) => new PreviewView(model, store, root, signal),
);
