// What the page asks of the kernel: every question has a number, and every number its answer.

import type { AnyModel } from "@anywidget/types";

/** Ask the kernel to do something; resolves to a sentence where it can't, else to "". */
export type Ask = (name: string, value?: unknown, bytes?: ArrayBuffer) => Promise<string>;

/** How long the page waits before it says that nobody answers; bytes may have a slow line to go by. */
const PATIENCE_MS = 15_000;
const PATIENCE_BYTES_MS = 120_000;
const NO_ANSWER = "the kernel has not answered: it is busy with a cell, or gone";

interface Answer {
  id: number;
  error: string;
}

/** An `Ask` that lives as long as a view. */
export function asker(model: AnyModel, signal: AbortSignal): Ask {
  const waiting = new Map<number, (error: string) => void>();
  const onMessage = (answer: Answer) => {
    waiting.get(answer.id)?.(answer.error);
    waiting.delete(answer.id);
  };
  model.on("msg:custom", onMessage);
  signal.addEventListener("abort", () => model.off("msg:custom", onMessage));
  return (name, value, bytes) =>
    new Promise((resolve) => {
      // A number, not a text: ipykernel 7 routes questions with a text as id by rules of its own.
      const id = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
      waiting.set(id, resolve);
      setTimeout(() => resolve(NO_ANSWER), bytes ? PATIENCE_BYTES_MS : PATIENCE_MS);
      model.send({ id, do: "act", name, value: value ?? null }, undefined, bytes && [bytes]);
    });
}

/** Call `draw` now and whenever one of the traits changes, as long as the view lives. */
export function follow(model: AnyModel, signal: AbortSignal, traits: string[], draw: () => void): void {
  const events = traits.map((name) => `change:${name}`).join(" ");
  model.on(events, draw);
  signal.addEventListener("abort", () => model.off(events, draw));
  draw();
}
