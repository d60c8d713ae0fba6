import { useMemo } from 'preact/hooks';
import type { Caches, EntityCache, MemoryCache } from '../api';
import { bytes, count, percent, words } from '../format';
import { Table } from '../table';
import { Count, Empty, Figure, Meter, Subgraph, When } from '../ui';

const share = (hits: number, misses: number) => (hits + misses > 0 ? hits / (hits + misses) : null);

/** The entity cache with its invalidations, and the caches in the process. */
export function CacheTables({ data }: { data: Caches }) {
  const { entity, ...others } = data;
  const memory = Object.entries(others)
    .filter((each): each is [string, MemoryCache] => each[1] !== null && typeof each[1] === 'object' && 'entries' in each[1])
    .map(([name, cache]) => ({ name, ...cache }));
  return (
    <div class="stack">
      <Entities cache={entity} />
      <Table
        caption="Caches in this process"
        rows={memory}
        id={(row) => row.name}
        sort="bytes"
        empty={<Empty title="The router has no caches." />}
        columns={[
          { key: 'name', label: 'Cache', grow: true, by: (row) => row.name, cell: (row) => words(row.name) },
          { key: 'rate', label: 'Hit rate', number: true, by: (row) => share(row.hits, row.misses), cell: (row) => percent(share(row.hits, row.misses)) },
          { key: 'entries', label: 'Entries', number: true, by: (row) => row.entries, cell: (row) => <Count n={row.entries} /> },
          { key: 'bytes', label: 'Size', number: true, by: (row) => row.bytes, cell: (row) => `${bytes(row.bytes)} of ${bytes(row.max_bytes)}` },
          { key: 'used', label: 'Used', cell: (row) => <Meter used={row.bytes} limit={row.max_bytes} label={words(row.name)} /> },
        ]}
      />
      {entity?.enabled && <Invalidations of={entity} />}
    </div>
  );
}

function Entities({ cache }: { cache: EntityCache }) {
  if (!cache?.enabled) return <p class="notice">The entity cache is off. The key response_cache.enabled turns it on.</p>;
  return (
    <>
      <dl class="figures-row">
        <Figure label="Entity hit rate" value={percent(cache.hit_rate)} />
        <Figure label="Hits" value={<Count n={cache.hits} />} />
        <Figure label="Misses" value={<Count n={cache.misses} />} />
      </dl>
      <Table
        caption="Entities by type"
        rows={cache.by_type ?? []}
        id={(row) => `${row.type} ${row.subgraph}`}
        sort="hits"
        empty={<Empty title="No entity has been looked up." />}
        columns={[
          { key: 'type', label: 'Type', grow: true, by: (row) => row.type, cell: (row) => row.type },
          { key: 'subgraph', label: 'Subgraph', by: (row) => row.subgraph, cell: (row) => <Subgraph name={row.subgraph} link /> },
          { key: 'rate', label: 'Hit rate', number: true, by: (row) => share(row.hits, row.misses), cell: (row) => percent(share(row.hits, row.misses)) },
          { key: 'hits', label: 'Hits', number: true, by: (row) => row.hits, cell: (row) => <Count n={row.hits} /> },
          { key: 'misses', label: 'Misses', number: true, by: (row) => row.misses, cell: (row) => <Count n={row.misses} /> },
        ]}
      />
    </>
  );
}

type Invalidation = NonNullable<EntityCache['invalidations']>[number];

/** Invalidations with the same reason, one right after the other. */
interface Batch {
  id: string;
  reason: string;
  time: string;
  entries: Invalidation[];
}

/** The longest time between two invalidations of a batch, in milliseconds. */
const together = 1000;

/** The newest batch is the first. */
function batches(list: Invalidation[]): Batch[] {
  const found: Batch[] = [];
  for (const each of [...list].sort((a, b) => Date.parse(a.time) - Date.parse(b.time))) {
    const last = found.at(-1);
    if (last && last.reason === each.reason && Date.parse(each.time) - Date.parse(last.time) <= together) {
      last.entries.push(each);
      last.time = each.time;
    } else found.push({ id: `${each.time} ${each.reason} ${each.type} ${each.key}`, reason: each.reason, time: each.time, entries: [each] });
  }
  return found.reverse();
}

const nameOf = (each: Invalidation): string => [each.type ?? each.subgraph ?? 'everything', each.key].filter(Boolean).join(' ');

/** The first names, and how many more there are. */
function some(names: string[]): string {
  const different = [...new Set(names)];
  return different.slice(0, 3).join(', ') + (different.length > 3 ? ` and ${count(different.length - 3)} more` : '');
}

function Invalidations({ of }: { of: EntityCache }) {
  const rows = useMemo(() => batches(of.invalidations ?? []), [of.invalidations]);
  return (
    <Table<Batch>
      caption="Latest invalidations"
      tall
      rows={rows}
      id={(row) => row.id}
      empty={<Empty title="Nothing has been invalidated." />}
      detail={(row) => (
        <ul class="plain">
          {row.entries.map((each, index) => (
            <li key={index} class="row">
              <code>{nameOf(each)}</code> {each.subgraph && <Subgraph name={each.subgraph} />} <span class="muted">{`${count(each.count)} removed`}</span>
            </li>
          ))}
        </ul>
      )}
      columns={[
        { key: 'what', label: 'What', grow: true, cell: (row) => some(row.entries.map(nameOf)) },
        { key: 'reason', label: 'Reason', cell: (row) => row.reason },
        { key: 'count', label: 'Count', number: true, cell: (row) => count(row.entries.reduce((sum, each) => sum + each.count, 0)) },
        { key: 'time', label: 'When', number: true, cell: (row) => <When time={row.time} /> },
      ]}
    />
  );
}
