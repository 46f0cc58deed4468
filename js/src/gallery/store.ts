// What has come from the kernel, shared by the views of one gallery.

import type { AnyModel } from "@anywidget/types";

import { type Ask, asker } from "../lib/asking";
import { PlotlyScript } from "../lib/plotly_script";
import type { Message, OnShow, Opened, Row } from "./protocol";

/** Pictures that the page keeps; the oldest go first. */
const MOST_PICTURES = 3000;
/** Images asked for before a view knows how many fit. */
const FIRST_LOOK = 40;

export interface Picture {
  /** Address of the picture; "" where there is none. */
  url: string;
  reason: string;
}

export type Event = "rows" | "pictures" | "opened";

export class Store {
  readonly ask: Ask;
  readonly plotly: PlotlyScript;
  opened: Opened | undefined;
  /** When pictures came last. */
  heardAt = 0;
  private readonly rows = new Map<number, Row>();
  private readonly fresh = new Set<number>();
  private readonly pictures = new Map<string, Picture>();
  private readonly listeners = new Map<Event, Set<() => void>>();
  private version = -1;
  private question = "";

  constructor(private readonly model: AnyModel, signal: AbortSignal) {
    this.ask = asker(model, signal);
    this.plotly = new PlotlyScript(model, this.ask, signal);
    const hear = (message: Message, buffers: DataView[]) => this.hear(message, buffers);
    const turn = () => this.turn();
    model.on("msg:custom", hear);
    model.on("change:on_show", turn);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", hear);
      model.off("change:on_show", turn);
      for (const { url } of this.pictures.values()) URL.revokeObjectURL(url);
    });
    this.turn();
    void this.ask("look", { view: "first", first: 0, last: FIRST_LOOK, epochs: 0 });
  }

  row(place: number): Row | undefined {
    return this.rows.get(place);
  }

  isFresh(place: number): boolean {
    return this.fresh.has(place);
  }

  picture(key: string): Picture | undefined {
    const found = this.pictures.get(key);
    if (found) {
      this.pictures.delete(key);
      this.pictures.set(key, found);
    }
    return found;
  }

  /** Let go of the pictures whose keys begin so. */
  forget(prefix: string): void {
    for (const [key, { url }] of this.pictures) {
      if (!key.startsWith(prefix)) continue;
      URL.revokeObjectURL(url);
      this.pictures.delete(key);
    }
  }

  listen(event: Event, listener: () => void, signal: AbortSignal): void {
    const those = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, those.add(listener));
    signal.addEventListener("abort", () => those.delete(listener));
  }

  private tell(event: Event): void {
    for (const listener of this.listeners.get(event) ?? []) listener();
  }

  /** Rows of an earlier version stay in sight until new ones come, unless another question was asked. */
  private turn(): void {
    const { version, query } = this.model.get("on_show") as OnShow;
    if (version === this.version) return;
    this.version = version;
    this.fresh.clear();
    const question = JSON.stringify(query);
    if (question !== this.question) this.rows.clear();
    this.question = question;
  }

  private hear(message: Message, buffers: DataView[]): void {
    if (message.kind === "rows") {
      this.turn();
      if (message.version !== this.version) return;
      message.rows.forEach((row, index) => {
        this.rows.set(message.first + index, row);
        this.fresh.add(message.first + index);
      });
      this.tell("rows");
    } else if (message.kind === "pictures") {
      message.keys.forEach((key, index) => this.keep(key, message.reasons[index] ?? "", buffers[index]));
      this.heardAt = performance.now();
      this.tell("pictures");
    } else if (message.kind === "opened") {
      this.opened = message;
      this.tell("opened");
    }
  }

  private keep(key: string, reason: string, data: DataView | undefined): void {
    const old = this.pictures.get(key);
    if (old) URL.revokeObjectURL(old.url);
    const url = data?.byteLength ? URL.createObjectURL(new Blob([copied(data)])) : "";
    this.pictures.set(key, { url, reason });
    for (const [eldest, { url: gone }] of this.pictures) {
      if (this.pictures.size <= MOST_PICTURES) break;
      URL.revokeObjectURL(gone);
      this.pictures.delete(eldest);
    }
  }
}

function copied(data: DataView): ArrayBuffer {
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
}
