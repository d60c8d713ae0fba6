import type { Caches, EntityCache, MemoryCache } from '../api';
import { ago, bytes, count, percent, words } from '../format';
import { Empty, Figure, Meter, Subgraph, Table } from '../ui';

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
        empty={<Empty title="The router has no caches." />}
        columns={[
          { key: 'name', label: 'Cache', grow: true, by: (row) => row.name, cell: (row) => words(row.name) },
          { key: 'rate', label: 'Hit rate', number: true, by: (row) => share(row.hits, row.misses), cell: (row) => percent(share(row.hits, row.misses)) },
          { key: 'entries', label: 'Entries', number: true, by: (row) => row.entries, cell: (row) => count(row.entries) },
          { key: 'bytes', label: 'Size', number: true, show: 'wide', by: (row) => row.bytes, cell: (row) => `${bytes(row.bytes)} of ${bytes(row.max_bytes)}` },
          { key: 'used', label: 'Used', cell: (row) => <Meter used={row.bytes} limit={row.max_bytes} label={words(row.name)} /> },
        ]}
      />
    </div>
  );
}

function Entities({ cache }: { cache: EntityCache }) {
  if (!cache?.enabled) return <p class="notice">The entity cache is off. The key response_cache.enabled turns it on.</p>;
  return (
    <>
      <dl class="figures-row">
        <Figure label="Entity hit rate" value={percent(cache.hit_rate)} />
        <Figure label="Hits" value={count(cache.hits)} />
        <Figure label="Misses" value={count(cache.misses)} />
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
          { key: 'hits', label: 'Hits', number: true, by: (row) => row.hits, cell: (row) => count(row.hits) },
          { key: 'misses', label: 'Misses', number: true, show: 'wide', by: (row) => row.misses, cell: (row) => count(row.misses) },
        ]}
      />
      <Table
        caption="Latest invalidations"
        rows={(cache.invalidations ?? []).map((row, index) => ({ ...row, index }))}
        id={(row) => `${row.time} ${row.index}`}
        empty={<Empty title="Nothing has been invalidated." />}
        columns={[
          { key: 'what', label: 'What', grow: true, cell: (row) => [row.type ?? row.subgraph ?? 'everything', row.key].filter(Boolean).join(' ') },
          { key: 'subgraph', label: 'Subgraph', show: 'wide', cell: (row) => (row.subgraph ? <Subgraph name={row.subgraph} /> : '–') },
          { key: 'reason', label: 'Reason', cell: (row) => row.reason },
          { key: 'count', label: 'Count', number: true, show: 'wide', cell: (row) => count(row.count) },
          { key: 'time', label: 'When', number: true, cell: (row) => <time dateTime={row.time}>{ago(row.time)}</time> },
        ]}
      />
    </>
  );
}
