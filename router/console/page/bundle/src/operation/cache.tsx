import type { CacheEntry } from '../api';
import { count, duration } from '../format';
import { type Column, Table } from '../table';
import { Badge } from '../ui';

interface Row extends CacheEntry {
  id: string;
}

const results: Record<CacheEntry['result'], { label: string; tone?: 'good' | 'warn' | 'bad'; title: string }> = {
  local: { label: 'hit, process', tone: 'good', title: 'Found in the memory of the router' },
  redis: { label: 'hit, Redis', tone: 'good', title: 'Found in Redis' },
  expired: { label: 'expired', tone: 'warn', title: 'Used although it had expired; it is fetched again' },
  miss: { label: 'miss', title: 'Not in the cache' },
  stale: { label: 'stale', tone: 'warn', title: 'Found, but invalidated' },
  corrupt: { label: 'corrupt', tone: 'bad', title: 'Found, but not readable' },
  unavailable: { label: 'no Redis', tone: 'bad', title: 'Redis was not available' },
  none: { label: 'not cached', title: 'Not looked up' },
};

/** What an entry is for: an entity with its key, or root fields. */
function subject(row: Row): string {
  return row.type === '' ? row.fields.join(', ') : `${row.type} ${keyOf(row.key)}`;
}

/** The key fields of a representation, without the type that stands before them. */
function keyOf(key: string): string {
  return key.replace(/^\{"__typename":"[^"]*",?/, '{');
}

/** What else there is to say: the cache tags, and whether the response was stored. */
function notes(row: Row): string[] {
  const list = row.tags.length === 0 ? [] : [`Cache tags: ${row.tags.join(', ')}`];
  if (row.stored) return [...list, 'Stored'];
  return row.reason === '' ? list : [...list, `Not stored: ${row.reason}`];
}

/** Times of the cache are seconds that a person counts. */
function seconds(value: number): string {
  return value === 0 ? '–' : value < 60 ? duration(value) : `${Math.round(value)} s`;
}

const columns: Column<Row>[] = [
  {
    key: 'result',
    label: 'Cache',
    cell: (row) => (
      <Badge tone={results[row.result].tone} title={results[row.result].title}>
        {results[row.result].label}
      </Badge>
    ),
    by: (row) => row.result,
  },
  {
    key: 'what',
    label: 'Entity or root fields',
    cell: (row) => (
      <>
        <code>{subject(row)}</code>
        {notes(row).map((note) => (
          <div class="muted" key={note}>
            {note}
          </div>
        ))}
      </>
    ),
    by: subject,
    grow: true,
  },
  { key: 'subgraph', label: 'Subgraph', cell: (row) => row.subgraph, by: (row) => row.subgraph },
  { key: 'age', label: 'Age', title: 'Since it was stored', cell: (row) => seconds(row.age), by: (row) => row.age, number: true },
  { key: 'ttl', label: 'TTL', title: 'How long it may still be used', cell: (row) => seconds(row.ttl), by: (row) => row.ttl, number: true },
];

/** What the response cache did for each entity and root fetch of a run. */
export function CacheTable({ entries, omitted }: { entries: CacheEntry[]; omitted: number }) {
  if (entries.length === 0) return null;
  const rows = entries.map((entry, index) => ({ ...entry, id: String(index) }));
  return (
    <Table
      caption="Response cache"
      columns={columns}
      rows={rows}
      id={(row) => row.id}
      empty="Nothing was looked up."
      tall
      foot={omitted > 0 ? <p class="muted">{count(omitted)} more are left out.</p> : undefined}
    />
  );
}
