// Texts of numbers, times and durations.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const RATIO = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DATE_AND_CLOCK = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const DAY_MS = 86_400_000;

export const number = value => NUMBER.format(value);

export const ratio = value => RATIO.format(value);

export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

export const share = (moved, minimum) =>
  moved === minimum ? `${number(moved)}, the minimum` : `${number(moved)} (minimum ${number(minimum)})`;

// Time of day in the zone of the viewer, with the date if it is another day.
export function clock(iso, now = Date.now()) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return String(iso);
  return (Math.abs(now - at.getTime()) < DAY_MS ? CLOCK : DATE_AND_CLOCK).format(at);
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${NUMBER.format(ms / 1000)} s`;
  return age(ms);
}

// A duration in its two largest units, without fractions: 61 s is "1 min 1 s".
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export const ago = ms => (ms < 2000 ? "just now" : `${age(ms)} ago`);

export const workerLink = name => `#/workers/${encodeURIComponent(name)}`;
