import type { TraceSummary } from '../api';
import { ambiguous, clientName, count, duration, operationName } from '../format';
import { type Resource, route } from '../hooks';
import { Table } from '../table';
import { Badge, Empty, Loaded, OperationName, When } from '../ui';

/** A table of traces, each a link to its waterfall. */
export function TraceTable({ of, none = 'No traces yet.', sort = 'time' }: { of: Resource<{ traces: TraceSummary[] | null }>; none?: string; sort?: 'time' | 'duration' }) {
  return (
    <Loaded of={of} what="the traces">
      {({ traces }) => {
        const hashed = ambiguous((traces ?? []).map((trace) => trace.operation));
        return <Table
          caption="Traces"
          quiet
          rows={traces ?? []}
          id={(trace) => trace.id}
          sort={sort}
          empty={<Empty title={none}>The router keeps a sample of requests, and all that are slow or fail, within its bounds.</Empty>}
          columns={[
            {
              key: 'operation',
              label: 'Operation',
              grow: true,
              cell: (trace) => (
                <a href={route('operation', 'trace', trace.id)} title={operationName(trace.operation.name)}>
                  <OperationName {...trace.operation} hashed={hashed(trace.operation.name)} />
                </a>
              ),
              by: (trace) => trace.operation.name,
            },
            { key: 'outcome', label: 'Outcome', cell: (trace) => (trace.errors?.[0] ? <Badge tone="bad" title={trace.errors[0].code}>{trace.errors[0].code || 'error'}</Badge> : <span class="muted">{trace.status || 'ok'}</span>) },
            { key: 'duration', label: 'Duration', number: true, cell: (trace) => duration(trace.duration), by: (trace) => trace.duration },
            { key: 'fetches', label: 'Fetches', number: true, cell: (trace) => count(trace.fetches), by: (trace) => trace.fetches },
            { key: 'client', label: 'Client', cell: (trace) => clientName(trace.client), by: (trace) => trace.client.name },
            { key: 'time', label: 'When', number: true, cell: (trace) => <When time={trace.time} />, by: (trace) => Date.parse(trace.time) },
          ]}
        />;
      }}
    </Loaded>
  );
}
