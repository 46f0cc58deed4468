// Figures as people read them.

/** Seconds as "8 s", "3 min 20 s", "2 h 5 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A count with thin group marks: 12,345. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Three significant digits, groups above a thousand. */
export function figure(value: number): string {
  return Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(3)));
}

/** Mebibytes as "512 MB" or "1.4 GB". */
export function memory(megabytes: number): string {
  return megabytes < 1000 ? `${Math.round(megabytes)} MB` : `${(megabytes / 1024).toFixed(1)} GB`;
}
