// What the kernel tells of models; see nbfinetune/widgets/model_picker.py.

import type { Field } from "../lib/field";

export type Kind = "cnn" | "transformer" | "hybrid" | "mlp";
export type LicenseKind = "permissive" | "restricted" | "non-commercial" | "unknown";

/** One set of weights, or an architecture without any; `NaN` where a figure is not known. */
export interface Row {
  name: string;
  architecture: string;
  /** The name without the architecture: "a1_in1k"; "" where there is none. */
  tag: string;
  isDefault: boolean;
  pretrained: boolean;
  family: string;
  kind: Kind;
  parameters: number;
  macs: number;
  imageSize: number;
  otherSizes: boolean;
  top1: number;
  top5: number;
  pretraining: string;
  license: string;
  licenseKind: LicenseKind;
  year: number;
  weightsBytes: number;
  cached: boolean;
}

/** A column as a list, or as the few texts that it repeats and where each stands. */
export type Column = unknown[] | { words: unknown[]; at: number[] };

export interface FolderListing {
  path: string;
  parent: string;
  folders: string[];
  files: { name: string; path: string; bytes: number; note: string }[];
}

export interface Message {
  catalogue?: { columns: Record<string, Column> };
  folder?: FolderListing;
  plotly?: boolean;
}

export interface State {
  values?: Record<string, string | boolean>;
  errors?: Record<string, string>;
  notes?: Record<string, string>;
  hidden?: string[];
  live?: boolean;
}

export type Tone = "" | "good" | "warn" | "bad";

export interface CardFacts {
  name?: string;
  heading?: string;
  sentence?: string;
  rows?: [label: string, text: string, tone: Tone][];
  warnings?: string[];
  links?: [text: string, url: string][];
}

export interface Choices {
  chosen?: string;
  options?: { name: string; label: string; detail: string }[];
}

export interface Recommended {
  role: "fast" | "balanced" | "best";
  name: string;
  why: string;
}

export interface Outlook {
  network?: "online" | "offline" | "";
  device?: string;
  speeds?: Record<string, number>;
  measuring?: { names?: string[]; done?: number; now?: string; error?: string };
  recommended?: Recommended[];
  recommending?: boolean;
  said?: string;
}

/** The fields that the picker draws in ways of its own. */
export const MODEL = "model";
export const CHECKPOINT = "checkpoint";

export const unfielded = (name: string, label: string): Field => ({
  name, label, kind: "search", help: "", unit: "", options: [], empty: "", live: false, rare: false, wide: true,
});

/** The rows that a columnar catalogue holds. */
export function rowsOf(columns: Record<string, Column>): Row[] {
  const cell = (name: string) => reader(columns[name]);
  const [name, architecture, family, kind] = [cell("name"), cell("architecture"), cell("family"), cell("kind")];
  const [isDefault, pretrained, cached, others] = [cell("default"), cell("pretrained"), cell("cached"), cell("other_sizes")];
  const [parameters, macs, size, bytes] = [cell("parameters"), cell("macs"), cell("image_size"), cell("weights_bytes")];
  const [top1, top5, year] = [cell("top1"), cell("top5"), cell("year")];
  const [pretraining, license, licenseKind] = [cell("pretraining"), cell("license"), cell("license_kind")];
  return Array.from({ length: sizeOf(columns["name"]) }, (_, at) => {
    const named = text(name(at));
    const built = text(architecture(at)) || (named.split(".")[0] ?? named);
    return {
      name: named, architecture: built, tag: named.slice(built.length + 1),
      isDefault: Boolean(isDefault(at)), pretrained: Boolean(pretrained(at)), cached: Boolean(cached(at)),
      family: text(family(at)), kind: text(kind(at)) as Kind,
      parameters: number(parameters(at)), macs: number(macs(at)),
      imageSize: number(size(at)), otherSizes: Boolean(others(at)), weightsBytes: number(bytes(at)),
      top1: number(top1(at)), top5: number(top5(at)), year: number(year(at)),
      pretraining: text(pretraining(at)), license: text(license(at)) || "unknown",
      licenseKind: (text(licenseKind(at)) || "unknown") as LicenseKind,
    };
  });
}

function sizeOf(column: Column | undefined): number {
  return column ? (Array.isArray(column) ? column : column.at).length : 0;
}

function reader(column: Column | undefined): (at: number) => unknown {
  if (!column) return () => null;
  if (Array.isArray(column)) return (at) => column[at];
  return (at) => column.words[column.at[at] ?? -1];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" && value !== 0 ? value : Number.NaN;
}
