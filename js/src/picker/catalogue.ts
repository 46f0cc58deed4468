// What has come from the kernel, shared by the views of one picker.

import type { AnyModel } from "@anywidget/types";

import { type Ask, asker } from "../lib/asking";
import { PlotlyScript } from "../lib/plotly_script";
import { type FolderListing, type Message, type Row, rowsOf } from "./protocol";
import { Index } from "./search";

export type Event = "rows" | "folder";

export class Catalogue {
  readonly ask: Ask;
  readonly plotly: PlotlyScript;
  rows: readonly Row[] = [];
  index = new Index([]);
  folder: FolderListing | undefined;
  /** Why there are no rows. */
  trouble = "";
  private byName = new Map<string, Row>();
  /** When the rows were asked for last; endlessly long ago where they never came. */
  private askedAt = Number.NEGATIVE_INFINITY;
  private readonly listeners = new Map<Event, Set<() => void>>();

  constructor(model: AnyModel, signal: AbortSignal) {
    this.ask = asker(model, signal);
    this.plotly = new PlotlyScript(model, this.ask, signal);
    const hear = (message: Message) => this.hear(message);
    model.on("msg:custom", hear);
    signal.addEventListener("abort", () => model.off("msg:custom", hear));
  }

  /** Ask for the rows, unless they are there or on their way and not older than that. */
  async fetch(oldestMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (performance.now() - this.askedAt < oldestMs) return;
    this.askedAt = performance.now();
    this.trouble = await this.ask("catalogue");
    if (!this.trouble) return;
    this.askedAt = Number.NEGATIVE_INFINITY;
    this.tell("rows");
  }

  /** A row by its full name; of an architecture its default weights. */
  row(name: string): Row | undefined {
    return this.byName.get(name);
  }

  listen(event: Event, listener: () => void, signal: AbortSignal): void {
    const those = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, those.add(listener));
    signal.addEventListener("abort", () => those.delete(listener));
  }

  private hear({ catalogue, folder }: Message): void {
    if (catalogue) this.take(rowsOf(catalogue.columns));
    if (folder) {
      this.folder = folder;
      this.tell("folder");
    }
  }

  private take(rows: Row[]): void {
    this.rows = rows;
    this.index = new Index(rows);
    this.byName = new Map(rows.map((row) => [row.name, row]));
    for (const row of rows) if (row.isDefault && !this.byName.has(row.architecture)) this.byName.set(row.architecture, row);
    this.tell("rows");
  }

  private tell(event: Event): void {
    for (const listener of this.listeners.get(event) ?? []) listener();
  }
}
