// Numbers, durations, sizes and times as the console shows them.

const integer = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', compactDisplay: 'long', maximumFractionDigits: 1 });

/** Three significant digits, without an exponent. */
function digits(n: number): string {
  const size = Math.abs(n);
  if (size >= 100 || n === 0) return integer.format(Math.round(n));
  return String(Number(n.toPrecision(size >= 10 ? 3 : 2)));
}

/** From which number on count rounds. */
const large = 1_000_000;

/** A whole number, such as "7,000" or "2.1 million". */
export const count = (n: number | null | undefined): string => (n == null ? '–' : n >= large ? compact.format(n) : integer.format(n));

/** All digits of a whole number, such as "2,100,345". */
export const exact = (n: number | null | undefined): string => (n == null ? '–' : integer.format(n));

/** All digits of a number that count rounds. */
export const unrounded = (n: number | null | undefined): string | undefined => (n != null && n >= large ? exact(n) : undefined);

export const decimal = (n: number | null | undefined): string => (n == null ? '–' : digits(n));

export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return '–';
  if (seconds === 0) return '0 ms';
  if (seconds < 0.000_9995) return `${digits(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 120) return `${digits(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function bytes(n: number | null | undefined): string {
  if (n == null) return '–';
  for (const [size, unit] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']] as const) {
    if (n >= size) return `${digits(n / size)} ${unit}`;
  }
  return `${integer.format(n)} B`;
}

export const rate = (perSecond: number | null | undefined): string => (perSecond == null ? '–' : `${digits(perSecond)}/s`);

export function percent(share: number | null | undefined): string {
  if (share == null) return '–';
  if (share > 0 && share < 0.001) return '<0.1 %';
  if (share > 0.999 && share < 1) return '>99.9 %';
  return `${Number((share * 100).toFixed(1))} %`;
}

/** The time since an instant, as "4 s ago". */
export function ago(time: string | null | undefined, now = Date.now()): string {
  if (!time) return '–';
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  return seconds < 1 ? 'now' : `${duration(Math.floor(seconds))} ago`;
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dateFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const clock = (seconds: number): string => clockFormat.format(seconds * 1000);

export const moment = (time: string | null | undefined): string => (time ? dateFormat.format(Date.parse(time)) : '–');

/** "max_depth" as "max depth". */
export const words = (name: string): string => name.replaceAll('_', ' ');

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

export const operationName = (name: string): string => (name === '' ? '(no name)' : name);

/** The beginning of an operation's hash, which tells it from others with the same name. */
export const shortHash = (hash: string): string => hash.slice(0, 8);

/** Returns what tells whether a name in a list does not say which operation is meant: there is none, or several have it. */
export function ambiguous(operations: { name: string; hash?: string }[]): (name: string) => boolean {
  const hashes = new Map<string, string | undefined>();
  const several = new Set(['']);
  for (const { name, hash } of operations) {
    if (hashes.has(name) && hashes.get(name) !== hash) several.add(name);
    hashes.set(name, hash);
  }
  return (name) => several.has(name);
}

export const clientName = (client: { name: string; version: string } | null): string =>
  !client || client.name === '' ? '(no name)' : client.version === '' ? client.name : `${client.name} ${client.version}`;
