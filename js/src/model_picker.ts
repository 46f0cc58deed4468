// The choice of a model: searched by name, compared by what it can do and what it costs.

import { sharing } from "./lib/views";
import { Catalogue } from "./picker/catalogue";
import { PickerView } from "./picker/view";

export default sharing(
  (model, signal) => new Catalogue(model, signal),
  (model, catalogue, root, signal) => new PickerView(model, catalogue, root, signal),
);
