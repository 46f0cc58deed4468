// Images as the model sees them, one to a row.

import { CAPTION, type Display, least, type State } from "../gallery/display";
import { type Plan, viewsPlan } from "../gallery/geometry";
import type { Store } from "../gallery/store";
import { Strip } from "./strip";

/** Draws of an image side by side, at most. */
const MOST_VIEWS = 12;

/** Draws that differ with every epoch; `stamp` tells those of other settings apart. */
export function strips(store: Store, labelOf: (number: number) => string, stamp: () => number): Display {
  let views = 0;
  const key = (image: number, epoch: number) => `seen ${image} ${epoch} ${stamp()}`;
  return {
    name: "as the model sees it",
    plan: (width, images) => {
      const plan = viewsPlan(width, images, least(width), CAPTION, MOST_VIEWS);
      views = plan.columns;
      return plan;
    },
    newTile: (id, place) => {
      const strip = new Strip(id, place);
      const draw = ({ row, ...state }: State) => {
        const seen = Array.from({ length: views }, (_, epoch) => row && store.picture(key(row[0], epoch)));
        strip.draw({ ...state, row, label: row ? labelOf(row[2]) : "", views: seen });
      };
      return { element: strip.element, draw };
    },
    draws: (plan: Plan) => plan.columns,
    lastKey: (image, plan) => key(image, plan.columns - 1),
  };
}
