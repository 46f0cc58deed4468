// One stream of messages per model, shared by all its views on this page.

import type { AnyModel } from "@anywidget/types";

import { whilePresent } from "./presence";
import { type Message, numbers } from "./protocol";
import { RunData } from "./run_data";

/** How long a page waits for the kernel before it says that there is none. */
const PATIENCE_MS = 4000;
const TRIES = 5;

type Listener = (run: number) => void;

export class Feed {
  readonly runs: RunData[];
  /** A sentence for the person: what the kernel refused, or that it does not answer. */
  said = "";
  /** Whether the kernel has ever answered. */
  answered = false;
  private readonly listeners = new Set<Listener>();
  private lastId = 0;
  /** By run, the newest window that was asked for; answers to older ones are out of date. */
  private readonly windows = new Map<number, number>();
  private tries = 0;
  private asking: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly model: AnyModel, signal: AbortSignal | undefined) {
    this.runs = (model.get("labels") as string[]).map(() => new RunData());
    const take = (message: Message, buffers: DataView[]) => this.take(message, buffers ?? []);
    model.on("msg:custom", take);
    const leave = whilePresent(() => model.send({ type: "present" }));
    signal?.addEventListener("abort", () => {
      leave();
      model.off("msg:custom", take);
      clearTimeout(this.asking);
    });
  }

  /** Be told whenever something of a run changed; gives the way to stop that. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ask for everything, unless that was asked a moment ago. */
  refresh(): void {
    if (this.asking !== undefined) return;
    this.model.send({ type: "snapshot" });
    this.asking = setTimeout(() => {
      this.asking = undefined;
      if (!this.answered) this.tell(0);
      this.tries += 1;
      if (this.tries < TRIES) this.refresh();
    }, PATIENCE_MS);
  }

  /** Ask for the steps between two of a run in full resolution. */
  window(run: number, first: number, last: number): void {
    this.lastId += 1;
    this.windows.set(run, this.lastId);
    this.model.send({ type: "window", id: this.lastId, run, first, last });
  }

  private take(message: Message, buffers: DataView[]): void {
    this.answered = true;
    if (message.kind === "error") {
      this.said = message.error;
      this.tell(0);
      return;
    }
    const run = this.runs[message.run];
    if (!run) return;
    if (message.kind === "snapshot") {
      run.reset(message, buffers);
      this.settled();
    } else if (message.kind === "delta") {
      if (!run.add(message, buffers)) this.refresh();
    } else if (message.id === this.windows.get(message.run)) {
      run.refine(message.first, message.last, numbers(buffers[0]));
    }
    this.tell(message.run);
  }

  private settled(): void {
    clearTimeout(this.asking);
    this.asking = undefined;
    this.tries = 0;
  }

  private tell(run: number): void {
    for (const listener of this.listeners) listener(run);
  }
}
