// Where tiles lie in a grid of any length, and which of them are in sight.

export const GAP = 8;

export interface Plan {
  columns: number;
  /** Images to a row. */
  each: number;
  /** Side of a picture. */
  tile: number;
  rowHeight: number;
  rows: number;
  height: number;
}

/** Images side by side, as many to a row as fit. */
export function photoPlan(width: number, images: number, least: number, caption: number): Plan {
  const columns = Math.max(2, Math.floor((width + GAP) / (least + GAP)));
  return planned(width, columns, columns, images, caption);
}

/** One image to a row, in as many views as fit. */
export function viewsPlan(width: number, images: number, least: number, caption: number, most: number): Plan {
  const columns = Math.min(most, Math.max(2, Math.floor((width + GAP) / (least + GAP))));
  return planned(width, columns, 1, images, caption);
}

function planned(width: number, columns: number, each: number, images: number, caption: number): Plan {
  const rows = Math.ceil(images / each);
  const tile = Math.max(16, Math.floor((width - GAP * (columns - 1)) / columns));
  const rowHeight = tile + caption + GAP;
  return { columns, each, tile, rowHeight, rows, height: Math.max(0, rows * rowHeight - GAP) };
}

/** First and last row (not included) that are in sight, and `spare` more on either side. */
export function rowsInSight(plan: Plan, top: number, height: number, spare: number): [number, number] {
  const first = Math.floor(top / plan.rowHeight) - spare;
  const last = Math.ceil((top + height) / plan.rowHeight) + spare;
  return [Math.max(0, Math.min(first, plan.rows)), Math.max(0, Math.min(last, plan.rows))];
}

/** How far to scroll so that a row is in sight. */
export function scrollTo(plan: Plan, row: number, top: number, height: number): number {
  const from = row * plan.rowHeight;
  if (from < top) return from;
  return Math.max(top, from + plan.rowHeight - GAP - height);
}

/** Place that a key leads to. */
export function neighbour(key: string, place: number, columns: number, page: number, count: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    PageUp: -page * columns, PageDown: page * columns, Home: -count, End: count,
  };
  const step = steps[key];
  return step === undefined ? undefined : Math.max(0, Math.min(count - 1, place + step));
}

/** Whether a place lies in one of ascending spans. */
export function isIn(spans: readonly (readonly [number, number])[], place: number): boolean {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]![1] < place) low = middle + 1;
    else high = middle;
  }
  const span = spans[low];
  return span !== undefined && span[0] <= place;
}
