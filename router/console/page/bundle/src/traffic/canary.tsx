import type { Canary, CanaryVariant } from '../api';
import { count, decimal, duration, percent, words } from '../format';
import { Table } from '../table';
import { Badge, Count, Empty, Figure, When } from '../ui';

const total = (variant: CanaryVariant) => Object.values(variant.operations).reduce((sum, n) => sum + n, 0);

/** The share of operations that did not end well, or null without operations. */
function failing(variant: CanaryVariant): number | null {
  const all = total(variant);
  return all > 0 ? (all - (variant.operations.ok ?? 0)) / all : null;
}

/** The number of operations by outcome, such as "508 ok, 4 errors". */
const outcomes = (variant: CanaryVariant) =>
  Object.entries(variant.operations)
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, n]) => `${count(n)} ${words(outcome)}`)
    .join(', ');

/** How requests get to the canary. */
function chosen(canary: Canary): string {
  const of = canary.mode === 'shadow' ? 'of the queries are copied' : 'of the requests';
  if (canary.header) return `${of}, by the header ${canary.header}`;
  return canary.by === 'random' ? `${of}, at random` : `${of}, by ${words(canary.by)}`;
}

/** The two variants of the router side by side, and what the comparison of responses has found. */
export function CanaryTables({ canary }: { canary: Canary | null }) {
  if (!canary) return <Empty title="The router has no canary any more." />;
  const rows = [canary.router, canary.canary];
  return (
    <div class="stack">
      <dl class="figures-row">
        <Figure label={canary.mode === 'shadow' ? 'Copies' : 'Share'} value={`${decimal(canary.percent)} %`} detail={chosen(canary)} />
        {['equal', 'different', 'failed', 'dropped', 'skipped'].map((result) => {
          const n = canary.shadow?.[result];
          return n !== undefined && <Figure key={result} label={`${result[0]?.toUpperCase()}${result.slice(1)}`} value={<Count n={n} />} tone={result === 'different' && n > 0 ? 'bad' : undefined} />;
        })}
      </dl>
      <Table<CanaryVariant>
        caption="Variants"
        rows={rows}
        id={(row) => row.name}
        empty={<Empty title="There are no variants." />}
        columns={[
          { key: 'name', label: 'Variant', grow: true, cell: (row) => <Named of={row} /> },
          { key: 'supergraph', label: 'Supergraph', cell: (row) => <code title={row.source ? `${row.supergraph}, from ${row.source}` : row.supergraph}>{row.supergraph.slice(0, 12)}</code> },
          { key: 'loaded', label: 'Loaded', number: true, cell: (row) => <When time={row.loaded} /> },
          { key: 'operations', label: 'Operations', number: true, cell: (row) => <span title={outcomes(row)}><Count n={total(row)} /></span> },
          { key: 'failing', label: 'Failing', number: true, cell: (row) => <span class={failing(row) ? 'bad-text' : 'muted'} title={outcomes(row)}>{percent(failing(row))}</span> },
          { key: 'mean', label: 'Mean duration', number: true, cell: (row) => duration(row.mean_duration) },
        ]}
      />
      <URLs of={canary.subgraph_urls} />
      {canary.mode === 'shadow' && <Differences of={canary.differences ?? []} />}
    </div>
  );
}

function Named({ of }: { of: CanaryVariant }) {
  return (
    <>
      {of.name} {(of.failing ?? []).map((dependency) => <Badge key={dependency} tone="bad" title="This dependency fails.">{dependency}</Badge>)}
    </>
  );
}

function URLs({ of }: { of: Canary['subgraph_urls'] }) {
  const names = Object.keys(of ?? {}).sort();
  if (names.length === 0) return null;
  return (
    <section aria-label="URLs of the canary">
      <h4>URLs that only the canary has</h4>
      <ul class="plain">
        {names.map((name) => (
          <li key={name}>
            {name}: {of?.[name]?.map((url) => <code key={url}>{url} </code>)}
          </li>
        ))}
      </ul>
    </section>
  );
}

type Difference = NonNullable<Canary['differences']>[number];

function Differences({ of }: { of: Difference[] }) {
  return (
    <Table<Difference>
      caption="Latest differences"
      rows={of}
      id={(row) => `${row.time} ${row.paths.join(' ')}`}
      empty={<Empty title="No response of the canary has differed." />}
      columns={[
        {
          key: 'paths',
          label: 'Where',
          grow: true,
          cell: (row) => (
            <>
              {row.paths.map((path) => <div key={path}><code>{path}</code></div>)}
              {row.count > row.paths.length && <span class="muted">and {count(row.count - row.paths.length)} more</span>}
            </>
          ),
        },
        { key: 'time', label: 'When', number: true, cell: (row) => <When time={row.time} /> },
      ]}
    />
  );
}
