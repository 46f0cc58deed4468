// Figures and flags of a model, as short as they can be read.

import { figure } from "../lib/wording";
import type { Kind, Row } from "./protocol";

export const KINDS: Record<Kind, string> = { cnn: "CNN", transformer: "transformer", hybrid: "hybrid", mlp: "MLP" };
const LONGEST_NAME = 34;

/** Parameters: "11.7 M". */
export function millions(value: number): string {
  return Number.isNaN(value) ? "" : `${short(value / 1e6)} M`;
}

/** Multiply-accumulates: "1.8 G". */
export function giga(value: number): string {
  return Number.isNaN(value) ? "" : `${short(value / 1e9)} G`;
}

/** "71.5 %". */
export function percent(value: number): string {
  return Number.isNaN(value) ? "" : `${value.toFixed(1)} %`;
}

/** Size of a file: "45 MB". */
export function fileSize(bytes: number): string {
  if (!bytes) return "";
  if (bytes < 1e6) return `${figure(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${short(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Where the weights are: "here", or what must be downloaded. */
export function weights(row: Row): string {
  if (!row.pretrained) return "none";
  return row.cached ? "here" : fileSize(row.weightsBytes);
}

/** What a person must know of a licence; "" where there is nothing to mind. */
export function licenseFlag(row: Row): string {
  if (!row.pretrained || row.licenseKind === "permissive") return "";
  return row.licenseKind === "unknown" ? "licence unknown" : row.licenseKind;
}

/** The name as it is asked for: without the tag where the architecture alone means it. */
export function plainName(row: Row): string {
  return row.isDefault || !row.tag ? row.architecture : row.name;
}

/** A name that fits into a picture. */
export function shortName(row: Row): string {
  const name = plainName(row);
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

/** One line on a row: "CNN · 11.7 M · 1.8 GMACs". */
export function inShort(row: Row): string {
  const macs = giga(row.macs);
  return [KINDS[row.kind] ?? row.kind, millions(row.parameters), macs && `${macs}MACs`].filter(Boolean).join(" · ");
}

function short(value: number): string {
  return value < 0.1 ? String(Number(value.toPrecision(1))) : value < 10 ? value.toFixed(1) : figure(Math.round(value));
}
