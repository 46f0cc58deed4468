// What readers without a kernel see of a widget is in the way as long as the widget lives.

import type { AnyModel } from "@anywidget/types";

import { el } from "./dom";

/** Hide what `saved_id` names, as long as this view is on the page and a kernel stands behind it. */
export function hideSaved(model: AnyModel, root: HTMLElement): void {
  const id = CSS.escape(String(model.get("saved_id") ?? ""));
  // With its place among the outputs, or a gap would stay.
  if (id && lives(model)) root.append(el("style", {}, `#${id}, .jp-OutputArea-child:has(#${id}) { display: none }`));
}

/** Whether there is a kernel; a page of nbconvert or nbviewer draws widgets out of what was saved. */
function lives(model: AnyModel): boolean {
  const layout = model.get("layout") as { comm_live?: boolean } | undefined;
  return layout?.comm_live !== false;
}
