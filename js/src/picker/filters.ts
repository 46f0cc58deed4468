// Which models a person wants to see, in what order, and which of them nothing else beats.

import { type Index } from "./search";
import type { Kind, LicenseKind, Row } from "./protocol";

export interface Filters {
  words: string;
  kind: "" | Kind;
  license: "" | "permissive" | "commercial";
  /** Millions and thousand millions at most; `undefined` lets all pass. */
  parametersM: number | undefined;
  macsG: number | undefined;
  cached: boolean;
}

export type FilterName = keyof Filters;

export const NO_FILTERS: Filters = {
  words: "", kind: "", license: "", parametersM: undefined, macsG: undefined, cached: false,
};

const ALLOWED: Record<Filters["license"], readonly LicenseKind[]> = {
  "": ["permissive", "restricted", "non-commercial", "unknown"],
  permissive: ["permissive"],
  commercial: ["permissive", "restricted"],
};

/** Rows that pass every filter, in the order of `rows`. */
export function passing(rows: readonly Row[], index: Index, filters: Filters): Row[] {
  const { words, kind, license, parametersM, macsG, cached } = filters;
  const named = words.trim() ? new Set(index.find(words).map(({ row }) => row)) : undefined;
  return rows.filter(
    (row) =>
      (!kind || row.kind === kind) &&
      ALLOWED[license].includes(row.licenseKind) &&
      // What is not known to be small enough does not pass.
      (parametersM === undefined || row.parameters <= parametersM * 1e6) &&
      (macsG === undefined || row.macs <= macsG * 1e9) &&
      (!cached || row.cached) &&
      (!named || named.has(row)),
  );
}

/** Filters that are set. */
export function setFilters(filters: Filters): FilterName[] {
  return (Object.keys(NO_FILTERS) as FilterName[]).filter((name) => filters[name] !== NO_FILTERS[name]);
}

/** For filters that leave nothing: the one whose going brings back most, and how many. */
export function inTheWay(rows: readonly Row[], index: Index, filters: Filters): { name: FilterName; left: number } | undefined {
  const tried = setFilters(filters).map((name) => ({
    name,
    left: passing(rows, index, { ...filters, [name]: NO_FILTERS[name] }).length,
  }));
  return tried.filter(({ left }) => left > 0).sort((a, b) => b.left - a.left)[0];
}

export type SortKey = "name" | "top1" | "parameters" | "macs" | "imageSize" | "speed" | "weights" | "license";

export interface Order {
  key: SortKey;
  down: boolean;
}

export type Speeds = Readonly<Record<string, number>>;

/** Rows in order; those without the figure come last either way. */
export function ordered(rows: readonly Row[], { key, down }: Order, speeds: Speeds, cachedFirst: boolean): Row[] {
  const value = VALUES[key];
  const sign = down ? -1 : 1;
  const keyed = rows.map((row) => ({ row, is: value(row, speeds) }));
  keyed.sort((a, b) => {
    if (cachedFirst && a.row.cached !== b.row.cached) return a.row.cached ? -1 : 1;
    const [one, other] = [missing(a.is), missing(b.is)];
    if (one || other) return Number(one) - Number(other);
    return a.is < b.is ? -sign : a.is > b.is ? sign : 0;
  });
  return keyed.map(({ row }) => row);
}

const VALUES: Record<SortKey, (row: Row, speeds: Speeds) => number | string> = {
  name: (row) => row.name,
  top1: (row) => row.top1,
  parameters: (row) => row.parameters,
  macs: (row) => row.macs,
  imageSize: (row) => row.imageSize,
  speed: (row, speeds) => speeds[row.name] ?? Number.NaN,
  weights: (row) => (row.cached ? 0 : row.weightsBytes),
  license: (row) => row.license,
};

function missing(value: number | string): boolean {
  return Number.isNaN(value) || value === "";
}

export interface Point {
  row: Row;
  x: number;
  y: number;
}

/** Points that no other beats in both: from left to right, each higher than all before. `moreIsBetter`: of x too. */
export function front(points: readonly Point[], moreIsBetter: boolean): Point[] {
  const sign = moreIsBetter ? -1 : 1;
  const kept: Point[] = [];
  for (const point of [...points].sort((a, b) => sign * (a.x - b.x) || b.y - a.y)) {
    if (point.y > (kept.at(-1)?.y ?? Number.NEGATIVE_INFINITY)) kept.push(point);
  }
  return kept;
}
