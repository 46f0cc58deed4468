// Names found as one types: "efficient net b0" means efficientnet_b0, and a slip of the finger is forgiven.

import type { Row } from "./protocol";

/** How well a row answers; lower is better. */
export enum Rank { Exact, Starts, StartsWithTag, Contains, Words, About, Alike, No }

export interface Found {
  row: Row;
  rank: Rank;
}

interface Entry {
  row: Row;
  /** Place among rows that answer equally well. */
  order: number;
  /** Letters and digits of the architecture, and of the whole name. */
  key: string;
  full: string;
  /** What else a person may say of it. */
  about: string;
}

/** Queries shorter than this are too short for a slip of the finger. */
const LEAST_FOR_SLIPS = 4;
const MOST_ALIKE = 12;

export class Index {
  private readonly entries: Entry[];

  constructor(rows: readonly Row[]) {
    this.entries = rows
      .map((row) => ({ row, order: 0, key: squashed(row.architecture), full: squashed(row.name), about: aboutOf(row) }))
      .sort(byDefault);
    this.entries.forEach((entry, place) => (entry.order = place));
  }

  /** Every row that answers, the best first; `cachedFirst` where nothing can be downloaded. */
  find(query: string, cachedFirst = false): Found[] {
    const asked = squashed(withoutHub(query));
    if (!asked) return [];
    const words = query.toLowerCase().split(/[^a-z0-9]+/).filter(Boolean);
    const found = this.entries
      .map((entry) => ({ entry, rank: rankOf(entry, asked, words), slips: 0 }))
      .filter(({ rank }) => rank < Rank.No);
    return (found.length ? found : this.alike(asked))
      .map((one) => ({ ...one, score: scoreOf(one, cachedFirst) }))
      .sort((a, b) => a.score - b.score)
      .map(({ entry, rank }) => ({ row: entry.row, rank }));
  }

  private alike(asked: string): Ranked[] {
    if (asked.length < LEAST_FOR_SLIPS) return [];
    const allowed = Math.max(1, Math.floor(asked.length / 4));
    return this.entries
      .filter(({ row }) => row.isDefault)
      .map((entry) => ({ entry, rank: Rank.Alike, slips: slips(asked, entry.key, allowed) }))
      .filter((one) => Math.floor(one.slips) <= allowed)
      .sort((a, b) => a.slips - b.slips || a.entry.key.length - b.entry.key.length)
      .slice(0, MOST_ALIKE);
  }
}

/** Letters and digits of a text, in lower case. */
export function squashed(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "");
}

/** Letters that must be changed, left out, put in or swapped to turn `asked` into the beginning of `key`; more than `most` counts as endless. */
export function slips(asked: string, key: string, most: number): number {
  let [before, last] = [[] as number[], Array.from({ length: key.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= asked.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= key.length; j += 1) {
      const same = asked[i - 1] === key[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      const swapped = i > 1 && j > 1 && asked[i - 1] === key[j - 2] && asked[i - 2] === key[j - 1];
      if (swapped) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    if (Math.min(...row) > most) return Number.POSITIVE_INFINITY;
    [before, last] = [last, row];
  }
  // What the key goes on with was not typed yet, but a key of the same length is nearer.
  return Math.min(...last.map((count, at) => count + (key.length - at) / 100));
}

function withoutHub(query: string): string {
  return query.replace(/^\s*(hf[-_]hub:)?(timm\/)?/i, "");
}

function aboutOf(row: Row): string {
  const kind = row.kind === "cnn" ? "cnn convolutional" : row.kind;
  return `${row.name} ${row.family} ${kind} ${row.pretraining} ${row.license}`.toLowerCase();
}

function rankOf({ key, full, about }: Entry, asked: string, words: string[]): Rank {
  if (key === asked || full === asked) return Rank.Exact;
  if (key.startsWith(asked)) return Rank.Starts;
  if (full.startsWith(asked)) return Rank.StartsWithTag;
  if (key.includes(asked)) return Rank.Contains;
  if (inOrder(full, words)) return Rank.Words;
  return words.every((word) => about.includes(word)) ? Rank.About : Rank.No;
}

function inOrder(text: string, words: string[]): boolean {
  let from = 0;
  for (const word of words) {
    const at = text.indexOf(word, from);
    if (at < 0) return false;
    from = at + word.length;
  }
  return true;
}

interface Ranked {
  entry: Entry;
  rank: Rank;
  slips: number;
}

/** Lower comes first. One number a row: a letter may leave two thousand of them to sort. */
function scoreOf({ entry, rank, slips }: Ranked, cachedFirst: boolean): number {
  const { row, order } = entry;
  // Nobody who types half a name means an architecture that comes without weights.
  const unlikely = 2 * Number(rank !== Rank.Exact) + Number(!row.pretrained);
  const away = Number(cachedFirst && !row.cached);
  return (2 * (10 * unlikely + rank) + away) * 1e8 + Math.round(100 * slips) * 1e4 + order;
}

function byDefault(one: Entry, other: Entry): number {
  return (
    Number(other.row.isDefault) - Number(one.row.isDefault) ||
    one.key.length - other.key.length ||
    (one.key < other.key ? -1 : one.key > other.key ? 1 : 0) ||
    (other.row.top1 || 0) - (one.row.top1 || 0)
  );
}
