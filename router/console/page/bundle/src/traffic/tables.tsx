import type { ClientRow, ErrorRow, LimitRow, OperationRow, Operations, Replicas, SubgraphState, Subscriptions } from '../api';
import { ambiguous, bytes, clientName, count, decimal, duration, percent, plural, rate, words } from '../format';
import { Health } from '../graph/health';
import { route } from '../hooks';
import { Code } from '../plan/code';
import { type Column, Table } from '../table';
import { Badge, Count, Empty, Figure, Meter, OperationName, Subgraph, When } from '../ui';

/** A column of figures that only newer routers have. */
function known<R>(rows: R[], column: Column<R>): Column<R>[] {
  return rows.some((row) => column.by?.(row) !== undefined) ? [column] : [];
}

const errorShare = (share: number | null, errors?: number) => (
  <span class={share ? 'bad-text' : 'muted'} title={errors ? plural(errors, 'failing request') : undefined}>
    {percent(share)}
  </span>
);

export function OperationTable({ data }: { data: Operations }) {
  const rows = data.operations ?? [];
  const hashed = ambiguous(rows);
  return (
      <Table<OperationRow>
        caption="Operations"
        quiet
        rows={rows}
        foot={data.other?.requests > 0 && `${plural(data.other.requests, 'request')} of operations that are not listed.`}
        id={(row) => `${row.hash} ${row.name}`}
        sort="rate"
        empty={<Empty title="No operations in this window." />}
        detail={(row) => <OperationDetail row={row} />}
        columns={[
          {
            key: 'name',
            label: 'Operation',
            grow: true,
            by: (row) => row.name,
            cell: (row) => (
              <>
                <OperationName name={row.name} hash={row.hash} hashed={hashed(row.name)} />
                {row.kind !== 'query' && <span class="muted"> {row.kind}</span>}
                {(row.deprecated_fields ?? []).length > 0 && <Badge tone="warn">deprecated</Badge>}
              </>
            ),
          },
          { key: 'rate', label: 'Rate', number: true, by: (row) => row.requests_per_second, cell: (row) => rate(row.requests_per_second) },
          { key: 'errors', label: 'Failing', number: true, by: (row) => row.error_rate, cell: (row) => errorShare(row.error_rate, row.errors) },
          { key: 'p50', label: 'p50', number: true, by: (row) => row.p50, cell: (row) => duration(row.p50) },
          { key: 'p95', label: 'p95', number: true, by: (row) => row.p95, cell: (row) => duration(row.p95) },
          { key: 'p99', label: 'p99', number: true, by: (row) => row.p99, cell: (row) => duration(row.p99) },
          ...known(rows, { key: 'flight', label: 'In flight', number: true, by: (row) => row.in_flight as number, cell: (row) => <Count n={row.in_flight} /> }),
          { key: 'time', label: 'Total time', number: true, by: (row) => row.total_time, cell: (row) => duration(row.total_time) },
          { key: 'fetches', label: 'Fetches', number: true, by: (row) => row.fetches_per_request, cell: (row) => decimal(row.fetches_per_request) },
          { key: 'cache', label: 'Cache hits', number: true, by: (row) => row.cache_hit_rate, cell: (row) => percent(row.cache_hit_rate) },
          { key: 'cost', label: 'Cost', title: 'Of the latest request: the objects in the response, and the estimate before', number: true, by: (row) => row.cost?.estimated ?? null, cell: (row) => <Cost cost={row.cost} /> },
        ]}
      />
  );
}

/** The actual and the estimated cost, as far as they are known. */
function Cost({ cost }: Pick<OperationRow, 'cost'>) {
  if (cost?.estimated == null) return <>–</>;
  const estimate = `est. ${decimal(cost.estimated)}`;
  if (cost.actual == null) return <>{estimate}</>;
  const above = cost.actual > cost.estimated;
  return (
    <span class={above ? 'warn-text' : ''} title={above ? 'The response cost more than was estimated.' : undefined}>
      {decimal(cost.actual)} of {estimate}
      {above && <span class="hidden">, more than estimated</span>}
      {above && <span aria-hidden="true"> ▲</span>}
    </span>
  );
}

function OperationDetail({ row }: { row: OperationRow }) {
  const traces = [
    ['Latest trace', row.traces.latest],
    ['Slowest trace', row.traces.slowest],
    ['Failing trace', row.traces.failing],
  ] as const;
  return (
    <>
      <p class="row">
        {traces.map(([label, id]) => id && <a key={label} class="button" href={route('operation', 'trace', id)}>{label}</a>)}
        {traces.every(([, id]) => !id) && <span class="muted">No trace of this operation is kept.</span>}
        <span class="muted">
          {plural(row.requests, 'request')}, {count(row.errors)} failing
        </span>
      </p>
      {(row.deprecated_fields ?? []).length > 0 && <p class="notice">Uses deprecated fields: {row.deprecated_fields?.join(', ')}.</p>}
      {row.cost?.estimated != null && (
        <p class="muted">
          Cost: an estimate of {decimal(row.cost.estimated)} before the latest request
          {row.cost.actual != null && `, ${decimal(row.cost.actual)} by the objects in its response`}
          {row.cost.actual != null && row.cost.actual > row.cost.estimated && '. That is more: lists were longer than @listSize or the default says'}.
        </p>
      )}
      {row.document !== '' && <Code text={row.document} label="document" />}
    </>
  );
}

/** The share of a client's requests that failed; there is none without requests. */
const failing = (row: ClientRow) => (row.requests > 0 ? row.errors / row.requests : null);

export function ClientTable({ rows }: { rows: ClientRow[] }) {
  return (
    <Table<ClientRow>
      caption="Clients"
      quiet
      rows={rows}
      id={(row) => `${row.name} ${row.version}`}
      sort="rate"
      empty={<Empty title="No requests in this window.">Clients name themselves with headers; docs/console.md says which.</Empty>}
      columns={[
        { key: 'name', label: 'Client', grow: true, by: (row) => row.name, cell: (row) => <span class="ellipsis" title={clientName(row)}>{clientName(row)}</span> },
        { key: 'requests', label: 'Requests', number: true, by: (row) => row.requests, cell: (row) => <Count n={row.requests} /> },
        { key: 'rate', label: 'Rate', number: true, by: (row) => row.requests_per_second, cell: (row) => rate(row.requests_per_second) },
        { key: 'errors', label: 'Failing', number: true, by: failing, cell: (row) => errorShare(failing(row), row.errors) },
        ...known(rows, { key: 'p50', label: 'p50', number: true, by: (row) => row.p50 as number | null, cell: (row) => duration(row.p50) }),
        { key: 'p95', label: 'p95', number: true, by: (row) => row.p95, cell: (row) => duration(row.p95) },
        ...known(rows, { key: 'p99', label: 'p99', number: true, by: (row) => row.p99 as number | null, cell: (row) => duration(row.p99) }),
        ...known(rows, { key: 'flight', label: 'In flight', number: true, by: (row) => row.in_flight as number, cell: (row) => <Count n={row.in_flight} /> }),
      ]}
    />
  );
}

/** A latency of a subgraph; there is none without requests. */
const latency = (row: SubgraphState, seconds: number | null) => (row.requests_per_second > 0 ? seconds : null);

export function SubgraphTable({ rows }: { rows: SubgraphState[] }) {
  return (
    <Table<SubgraphState>
      caption="Subgraphs"
      quiet
      rows={rows}
      id={(row) => row.name}
      sort="rate"
      empty={<Empty title="The graph has no subgraphs." />}
      columns={[
        { key: 'name', label: 'Subgraph', grow: true, by: (row) => row.name, cell: (row) => <Subgraph name={row.name} link /> },
        { key: 'health', label: 'Health', cell: (row) => <span title={row.error ?? ''}><Health state={row} /></span> },
        { key: 'rate', label: 'Rate', number: true, by: (row) => row.requests_per_second, cell: (row) => rate(row.requests_per_second) },
        { key: 'errors', label: 'Failing', number: true, by: (row) => row.error_rate, cell: (row) => errorShare(row.error_rate) },
        { key: 'p50', label: 'p50', number: true, by: (row) => latency(row, row.p50), cell: (row) => duration(latency(row, row.p50)) },
        { key: 'p95', label: 'p95', number: true, by: (row) => latency(row, row.p95), cell: (row) => duration(latency(row, row.p95)) },
        { key: 'p99', label: 'p99', number: true, by: (row) => latency(row, row.p99), cell: (row) => duration(latency(row, row.p99)) },
        { key: 'flight', label: 'In flight', number: true, by: (row) => row.in_flight, cell: (row) => <Count n={row.in_flight} /> },
        ...known(rows, { key: 'retries', label: 'Retries', title: 'Requests that were sent again', number: true, by: (row) => row.retries as number, cell: (row) => <Count n={row.retries} /> }),
        ...known(rows, { key: 'shared', label: 'Shared', title: 'Fetches that used the response of an identical request in progress', number: true, by: (row) => row.shared as number, cell: (row) => <Count n={row.shared} /> }),
        ...known(rows, { key: 'refused', label: 'Not sent', title: 'Fetches for which nothing was sent: the circuit breaker was open, or an extension rejected the request', number: true, by: (row) => row.refused as number, cell: (row) => <span class={row.refused ? 'bad-text' : ''}><Count n={row.refused} /></span> }),
      ]}
    />
  );
}

export function ErrorTable({ rows, span }: { rows: ErrorRow[]; span: string }) {
  return (
    <Table<ErrorRow>
      caption={`Errors of the last ${span}, by code`}
      quiet
      rows={rows}
      id={(row) => `${row.code} ${row.subgraph}`}
      sort="count"
      empty={<Empty title={`No errors in the last ${span}.`} />}
      columns={[
        { key: 'code', label: 'Code', by: (row) => row.code, cell: (row) => (row.trace ? <a href={route('operation', 'trace', row.trace)}>{row.code}</a> : row.code) },
        { key: 'message', label: 'Latest message', grow: true, cell: (row) => <span class="ellipsis" title={row.message}>{row.message}</span> },
        { key: 'subgraph', label: 'Subgraph', by: (row) => row.subgraph, cell: (row) => (row.subgraph ? <Subgraph name={row.subgraph} link /> : '–') },
        { key: 'count', label: 'Count', number: true, by: (row) => row.count, cell: (row) => <Count n={row.count} /> },
        { key: 'last', label: 'Last', number: true, by: (row) => row.last, cell: (row) => <When time={row.last} /> },
      ]}
    />
  );
}

export function LimitTable({ rows }: { rows: LimitRow[] }) {
  return (
    <Table<LimitRow>
      caption="Limits"
      quiet
      rows={rows}
      id={(row) => row.name}
      sort="hits"
      empty={<Empty title="No limits are configured." />}
      columns={[
        { key: 'name', label: 'Limit', grow: true, by: (row) => row.name, cell: (row) => words(row.name) },
        { key: 'hits', label: 'Rejected', number: true, by: (row) => row.hits, cell: (row) => <span class={row.hits > 0 ? 'bad-text' : 'muted'}><Count n={row.hits} /></span> },
        { key: 'last', label: 'Last', number: true, by: (row) => row.last, cell: (row) => <When time={row.last} /> },
        { key: 'highest', label: 'Highest', number: true, by: (row) => row.highest, cell: (row) => <Count n={row.highest} /> },
        { key: 'configured', label: 'Allowed', number: true, by: (row) => row.configured, cell: (row) => <Count n={row.configured} /> },
        { key: 'share', label: 'Nearest', by: (row) => (row.configured ? row.highest / row.configured : null), cell: (row) => (row.configured ? <Meter used={row.highest} limit={row.configured} label={words(row.name)} /> : '–') },
      ]}
    />
  );
}

export function SubscriptionTables({ data }: { data: Subscriptions }) {
  const hashed = ambiguous(data.by_operation ?? []);
  return (
    <>
      <dl class="figures-row">
        <Figure label="Open" value={count(data.open)} />
        {Object.entries(data.carriers ?? {}).map(([name, n]) => (
          <Figure key={name} label={{ websocket: 'WebSocket', sse: 'SSE', multipart: 'Multipart' }[name] ?? name} value={count(n)} />
        ))}
      </dl>
      <Table
        caption="Subscriptions by operation"
        rows={data.by_operation ?? []}
        id={(row) => `${row.hash} ${row.name}`}
        sort="clients"
        empty={<Empty title="No subscription is open." />}
        columns={[
          { key: 'name', label: 'Operation', grow: true, by: (row) => row.name, cell: (row) => <OperationName name={row.name} hash={row.hash} hashed={hashed(row.name)} /> },
          { key: 'clients', label: 'Clients', number: true, by: (row) => row.clients, cell: (row) => <Count n={row.clients} /> },
          { key: 'upstreams', label: 'Streams to subgraphs', number: true, by: (row) => row.upstreams, cell: (row) => <Count n={row.upstreams} /> },
        ]}
      />
    </>
  );
}

export function ReplicaTable({ rows }: { rows: NonNullable<Replicas['replicas']> }) {
  return (
    <Table
      caption="Replicas, from Prometheus"
      quiet
      rows={rows}
      id={(row) => row.name}
      sort="rate"
      empty={<Empty title="Prometheus knows no replicas." />}
      columns={[
        { key: 'name', label: 'Replica', grow: true, by: (row) => row.name, cell: (row) => <span class="ellipsis" title={row.name}>{row.name}</span> },
        { key: 'rate', label: 'Rate', number: true, by: (row) => row.requests_per_second, cell: (row) => rate(row.requests_per_second) },
        { key: 'errors', label: 'Failing', number: true, by: (row) => row.error_rate, cell: (row) => errorShare(row.error_rate) },
        { key: 'p99', label: 'p99', number: true, by: (row) => row.p99, cell: (row) => duration(row.p99) },
        { key: 'memory', label: 'Memory', number: true, by: (row) => row.resident_bytes, cell: (row) => bytes(row.resident_bytes) },
      ]}
    />
  );
}
