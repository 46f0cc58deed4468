// The images of a data set: searched, looked through, checked and edited.

import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";

import { Store } from "./preview/store";
import { PreviewView } from "./preview/view";

/** One store per model: its views share what has come from the kernel. */
export default () => {
  let store: Store | undefined;
  const storeOf = (model: AnyModel, signal?: AbortSignal) =>
    (store ??= new Store(model, signal ?? new AbortController().signal));
  return {
    initialize({ model, signal }: InitializeProps) {
      storeOf(model, signal);
    },
    render({ model, el }: RenderProps) {
      const ending = new AbortController();
      new PreviewView(model, storeOf(model), el, ending.signal);
      return () => ending.abort();
    },
  };
};
