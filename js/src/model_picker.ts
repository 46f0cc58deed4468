// The choice of a model: searched by name, compared by what it can do and what it costs.

import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";

import { Catalogue } from "./picker/catalogue";
import { PickerView } from "./picker/view";

/** One catalogue per model: its views share what has come from the kernel. */
export default () => {
  let catalogue: Catalogue | undefined;
  const catalogueOf = (model: AnyModel, signal?: AbortSignal) =>
    (catalogue ??= new Catalogue(model, signal ?? new AbortController().signal));
  return {
    initialize({ model, signal }: InitializeProps) {
      catalogueOf(model, signal);
    },
    render({ model, el }: RenderProps) {
      const ending = new AbortController();
      new PickerView(model, catalogueOf(model), el, ending.signal);
      return () => ending.abort();
    },
  };
};
