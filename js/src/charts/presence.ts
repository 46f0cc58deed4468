// Whether somebody is at the page: what is drawn and sent for it depends on that.

/** Somebody is at the page for so long after the last touch of it. */
export const ATTENDED_MS = 120_000;
/** The kernel is told of a person who stays no more often than that. */
const TOLD_EVERY_MS = 30_000;

let last = 0;
const listeners = new Set<() => void>();

if (typeof document !== "undefined") {
  const touch = () => {
    last = performance.now();
    for (const listener of listeners) listener();
  };
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel"]) document.addEventListener(kind, touch, { capture: true, passive: true });
}

/** When the page was last touched, in milliseconds since it was opened. */
export const touched = () => last;

/** Have `tell` called when somebody touches the page, and now and then while he goes on; gives the way to stop that. */
export function whilePresent(tell: () => void): () => void {
  let told = Number.NEGATIVE_INFINITY;
  const listener = () => {
    if (last - told < TOLD_EVERY_MS) return;
    told = last;
    tell();
  };
  listeners.add(listener);
  return () => listeners.delete(listener);
}
