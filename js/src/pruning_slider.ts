// How much of a model may go: an amount to slide, what it would cost, and the run that tries it.

import type { RenderProps } from "@anywidget/types";

import { hideSaved } from "./lib/saved";
import { SliderView } from "./pruning/view";

function render({ model, el: root }: RenderProps) {
  hideSaved(model, root);
  const ending = new AbortController();
  new SliderView(model, root, ending.signal);
  return () => ending.abort();
}

export default { render };
