// What has come from the kernel, and what is on its way there; shared by the views of one predictor.

import type { AnyModel } from "@anywidget/types";

import { type Ask, asker } from "../lib/asking";
import { prepared, type Source } from "./prepared";
import type { Explained, Message, Shown } from "./protocol";

export interface Picture {
  /** Address of the picture; "" where there is none. */
  url: string;
  reason: string;
}

/** A picture that the kernel does not have yet. */
export interface Pending {
  name: string;
  url: string;
}

type Event = "pictures" | "scores" | "explained" | "pending";

export class Store {
  readonly ask: Ask;
  /** Pictures being sent, the newest last. */
  pending: Pending[] = [];
  private readonly pictures = new Map<string, Picture>();
  private readonly wanted = new Set<string>();
  private readonly probabilities = new Map<number, Float32Array>();
  private readonly explanations = new Map<string, Explained>();
  private readonly listeners = new Map<Event, Set<() => void>>();
  private csv: ArrayBuffer[] = [];
  private csvCame: ((whole: Blob) => void) | undefined;
  private sending: Promise<unknown> = Promise.resolve();

  constructor(private readonly model: AnyModel, signal: AbortSignal) {
    this.ask = asker(model, signal);
    const hear = (message: Message, buffers: DataView[]) => this.hear(message, buffers);
    const turn = () => this.turn();
    model.on("msg:custom", hear);
    model.on("change:pictures", turn);
    signal.addEventListener("abort", () => {
      model.off("msg:custom", hear);
      model.off("change:pictures", turn);
      for (const { url } of [...this.pictures.values(), ...this.pending]) URL.revokeObjectURL(url);
    });
    this.turn();
  }

  get shown(): Shown[] {
    return (this.model.get("pictures") ?? []) as Shown[];
  }

  listen(event: Event, listener: () => void, signal: AbortSignal): void {
    const those = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, those.add(listener));
    signal.addEventListener("abort", () => those.delete(listener));
  }

  /** A picture as the kernel has made it; asked for where it has not come yet. */
  picture(kind: "photo" | "whole", id: number): Picture | undefined {
    const key = `${kind} ${id}`;
    if (!this.wanted.has(key)) {
      this.wanted.add(key);
      void this.ask("look", { kind, ids: [id] });
    }
    return this.pictures.get(key);
  }

  /** Probabilities of all classes of a picture; asked for where they have not come yet. */
  scores(id: number): Float32Array | undefined {
    const key = `scores ${id}`;
    if (!this.wanted.has(key)) {
      this.wanted.add(key);
      void this.ask("scores", id);
    }
    return this.probabilities.get(id);
  }

  /** Where the model looked for a class ("": the predicted one), with its picture. */
  explanation(id: number, target: string): { told: Explained; picture: Picture | undefined } | undefined {
    const key = heatKey(id, target);
    if (!this.wanted.has(key)) {
      this.wanted.add(key);
      void this.ask("explain", { id, target }).then((error) => {
        if (error) this.explain({ kind: "explained", id, target, class_name: target, probability: 0, method: "", words: error });
      });
    }
    const told = this.explanations.get(key);
    return told && { told, picture: this.pictures.get(key) };
  }

  /** Ask again for maps that there were none of. */
  forgetFailed(): void {
    for (const [key, { words }] of this.explanations) {
      if (!words) continue;
      this.explanations.delete(key);
      this.wanted.delete(key);
    }
  }

  /** Send files one after the other; says what was wrong with those that were not taken. */
  async send(sources: Source[], say: (errors: string[]) => void): Promise<void> {
    const waiting = sources.map((source) => ({ source, pending: { name: source.name, url: URL.createObjectURL(source.data) } }));
    this.pending.push(...waiting.map(({ pending }) => pending));
    this.tell("pending");
    const errors: string[] = [];
    const turn = this.sending.then(async () => {
      for (const { source, pending } of waiting) {
        const error = await this.sendOne(source);
        if (error) say([...errors, error]);
        if (error) errors.push(error);
        this.pending = this.pending.filter((one) => one !== pending);
        URL.revokeObjectURL(pending.url);
        this.tell("pending");
      }
    });
    this.sending = turn;
    await turn;
  }

  private async sendOne(source: Source): Promise<string> {
    const ready = await prepared(source);
    if (typeof ready === "string") return ready;
    return this.ask("add", { name: source.name, note: ready.note }, ready.bytes);
  }

  /** A CSV file, whose parts come after the kernel's answer; or a sentence that says why not. */
  async fetchCsv(): Promise<Blob | string> {
    const whole = new Promise<Blob>((resolve) => (this.csvCame = resolve));
    const error = await this.ask("download");
    return error || whole;
  }

  private tell(event: Event): void {
    for (const listener of this.listeners.get(event) ?? []) listener();
  }

  private explain(told: Explained): void {
    this.explanations.set(heatKey(told.id, told.target), told);
    this.tell("explained");
  }

  /** Forget what belongs to pictures that are gone. */
  private turn(): void {
    const ids = new Set(this.shown.map(({ id }) => id));
    const gone = (key: string) => !ids.has(Number(key.split(" ", 2)[1]));
    for (const [key, { url }] of this.pictures) if (gone(key)) URL.revokeObjectURL(url);
    for (const kept of [this.pictures, this.wanted, this.explanations]) {
      for (const key of [...kept.keys()]) if (gone(key)) kept.delete(key);
    }
    for (const id of [...this.probabilities.keys()]) if (!ids.has(id)) this.probabilities.delete(id);
  }

  private hear(message: Message, buffers: DataView[]): void {
    if (message.kind === "pictures") {
      message.keys.forEach((key, index) => this.keep(key, message.reasons[index] ?? "", buffers[index]));
      this.tell("pictures");
    } else if (message.kind === "scores") {
      const [sent] = buffers;
      if (sent) this.probabilities.set(message.id, new Float32Array(copied(sent)));
      this.tell("scores");
    } else if (message.kind === "explained") {
      const [sent] = buffers;
      if (sent) this.keep(heatKey(message.id, message.target), "", sent);
      this.explain(message);
    } else if (message.kind === "csv") {
      const [sent] = buffers;
      if (message.first) this.csv = [];
      if (sent) this.csv.push(copied(sent));
      if (message.last) this.csvCame?.(new Blob(this.csv, { type: "text/csv" }));
    }
  }

  private keep(key: string, reason: string, data: DataView | undefined): void {
    const old = this.pictures.get(key);
    if (old) URL.revokeObjectURL(old.url);
    this.pictures.set(key, { url: data?.byteLength ? URL.createObjectURL(new Blob([copied(data)])) : "", reason });
  }
}

function heatKey(id: number, target: string): string {
  return `heat ${id} ${target}`;
}

function copied(data: DataView): ArrayBuffer {
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
}
