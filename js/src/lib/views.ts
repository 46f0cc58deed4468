// A widget whose views share what has come from the kernel.

import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";

import { hideSaved } from "./saved";

/** One `make` per model, and one `draw` per view, as anywidget asks for them. */
export function sharing<Shared>(
  make: (model: AnyModel, signal: AbortSignal) => Shared,
  draw: (model: AnyModel, shared: Shared, root: HTMLElement, signal: AbortSignal) => unknown,
) {
  return () => {
    let shared: Shared | undefined;
    const ofModel = (model: AnyModel, signal = new AbortController().signal) => (shared ??= make(model, signal));
    return {
      initialize({ model, signal }: InitializeProps) {
        ofModel(model, signal);
      },
      render({ model, el }: RenderProps) {
        const ending = new AbortController();
        hideSaved(model, el);
        draw(model, ofModel(model), el, ending.signal);
        return () => ending.abort();
      },
    };
  };
}
