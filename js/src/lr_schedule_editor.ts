// The learning-rate curve as something to touch: a curve with knots, before and during a run.

import type { RenderProps } from "@anywidget/types";

import { hideSaved } from "./lib/saved";
import { EditorView } from "./schedule/view";

function render({ model, el: root, signal: given }: RenderProps & { signal?: AbortSignal }) {
  hideSaved(model, root);
  const ending = new AbortController();
  new EditorView(model, root, given ?? ending.signal);
  return () => ending.abort();
}

export default { render };
