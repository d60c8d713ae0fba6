import { useMemo, useState } from 'preact/hooks';
import type { Caches, Canary, ClientRow, ErrorRow, Info, LimitRow, Operations, Replicas, SubgraphState, Subscriptions, TraceSummary, Traffic } from '../api';
import { count, decimal, duration, percent, rate } from '../format';
import { route, useApi, useStored } from '../hooks';
import { TraceTable } from '../operation/traces';
import { AsOf, Count, Empty, Failed, Figure, Loaded, TabPanel, Tabs, Unknown } from '../ui';
import { CacheTables } from './cache';
import { CanaryTables } from './canary';
import { Chart, type Series } from './chart';
import { ClientTable, ErrorTable, LimitTable, OperationTable, ReplicaTable, SubgraphTable, SubscriptionTables } from './tables';

/** The label of a window is part of sentences. */
const windows = [
  { seconds: 60, label: '1 min' },
  { seconds: 300, label: '5 min' },
  { seconds: 900, label: '15 min' },
  { seconds: 3600, label: '1 h' },
] as const;
const first = windows[1];

/** Rates, latencies and what they are made of. */
export default function TrafficView({ info, parts }: { info: Info; parts: string[] }) {
  const [stored, setStored] = useStored('window', '300');
  const { seconds: window, label: span } = windows.find((each) => String(each.seconds) === stored) ?? first;
  const [paused, setPaused] = useState(false);
  const every = paused ? 0 : window > 900 ? 5000 : 2000;
  const traffic = useApi<Traffic>(`/traffic?window=${window}`, every);
  return (
    <div class="traffic">
      <div class="row between toolbar">
        <h2>Traffic</h2>
        <div class="row">
          <div class="segments" role="group" aria-label="Window">
            {windows.map((each) => (
              <button key={each.seconds} type="button" aria-pressed={each.seconds === window} onClick={() => setStored(String(each.seconds))}>
                {each.label}
              </button>
            ))}
          </div>
          <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? 'Resume' : 'Pause'}
          </button>
        </div>
      </div>
      <Loaded of={traffic} what="the traffic">
        {(data) => <Overview data={data} graphql={info.graphql_url} />}
      </Loaded>
      {/* The tables would move down when the charts arrive. */}
      {(traffic.data !== undefined || traffic.error) && <Parts info={info} window={window} span={span} every={paused ? 0 : 5000} chosen={parts[0]} />}
    </div>
  );
}

function Overview({ data, graphql }: { data: Traffic; graphql: string }) {
  const totals = data.totals;
  const rates = useMemo<Series[]>(
    () => [
      { label: 'requests', values: data.requests, color: '--c1', fill: true },
      { label: 'failing', values: data.errors, color: '--bad' },
      { label: 'shed', values: data.shed, color: '--c4' },
    ],
    [data],
  );
  const latency = useMemo<Series[]>(() => {
    // Without requests there is no latency.
    const known = (values: (number | null)[]) => values.map((value, index) => (data.requests[index] ? value : null));
    return [
      { label: 'p50', values: known(data.p50), color: '--c3' },
      { label: 'p95', values: known(data.p95), color: '--c1' },
      { label: 'p99', values: known(data.p99), color: '--c2' },
    ];
  }, [data]);
  const load = useMemo<Series[]>(
    () => [
      { label: 'requests', values: data.in_flight, color: '--c1', fill: true },
      { label: 'subscriptions', values: data.subscriptions, color: '--c2' },
    ],
    [data],
  );
  const cache = useMemo<Series[]>(() => [{ label: 'hit rate', values: data.cache_hit_rate, color: '--c3', fill: true }], [data]);
  const timed = (seconds: number | null) => duration(totals.requests > 0 ? seconds : null);
  const share = totals.requests > 0 ? totals.errors / totals.requests : null;
  return (
    <>
      <dl class="figures-row tiles">
        <Figure label="Requests" value={rate(totals.requests_per_second)} detail={<><Count n={totals.requests} /> in all</>} />
        <Figure label="Failing" value={percent(share)} tone={totals.errors > 0 ? 'bad' : undefined} detail={totals.requests > 0 && `${count(totals.errors)} in all`} />
        <Figure label="p50" value={timed(totals.p50)} />
        <Figure label="p95" value={timed(totals.p95)} />
        <Figure label="p99" value={timed(totals.p99)} />
        <Figure label="In flight" value={decimal(totals.in_flight)} detail="now" />
        <Figure label="Subscriptions" value={count(totals.subscriptions)} detail="open now" />
        <Figure label="Cache hits" value={percent(totals.cache_hit_rate)} />
      </dl>
      {totals.requests === 0 && (
        <p class="notice">
          No requests in this window. Send some to <code>{graphql}</code>.
        </p>
      )}
      <div class="charts">
        <Chart title="Requests per second" times={data.times} series={rates} format={rate} />
        <Chart title="Latency" times={data.times} series={latency} format={duration} />
        <Chart title="In flight, on average" times={data.times} series={load} format={decimal} />
        <Chart title="Entity cache hit rate" times={data.times} series={cache} format={percent} top={1} />
      </div>
    </>
  );
}

const parts = ['operations', 'slow', 'failing', 'errors', 'clients', 'subgraphs', 'cache', 'limits', 'subscriptions', 'canary', 'replicas'] as const;
type Part = (typeof parts)[number];

const labels: Record<Part, string> = {
  operations: 'Operations',
  slow: 'Slow',
  failing: 'Failing',
  errors: 'Errors',
  clients: 'Clients',
  subgraphs: 'Subgraphs',
  cache: 'Cache',
  limits: 'Limits',
  subscriptions: 'Subscriptions',
  canary: 'Canary',
  replicas: 'Replicas',
};

function Parts({ info, window, span, every, chosen }: { info: Info; window: number; span: string; every: number; chosen: string | undefined }) {
  const offered = parts.filter((part) => (part !== 'replicas' && part !== 'canary') || info.features[part]);
  const part = offered.find((each) => each === chosen) ?? 'operations';
  return (
    <section class="panel" aria-label="Details">
      <Tabs
        label="Details"
        chosen={part}
        choose={(key) => {
          location.replace(route('traffic', key));
        }}
        tabs={offered.map((key) => ({ key, label: labels[key] }))}
      />
      <TabPanel tab={part}>
        {notes[part] && <p class="muted">{notes[part]}</p>}
        <Content part={part} window={window} span={span} every={every} />
      </TabPanel>
    </section>
  );
}

/** What the figures of a part count, where they are not those of the requests in the chosen window. */
const notes: Partial<Record<Part, string>> = {
  errors: 'Each error of a response and of a subgraph. A failing request can have several.',
  cache: 'Since the router started.',
  limits: 'Rejected in the last hour, and the highest accepted since the router started.',
  subscriptions: 'At this moment.',
  canary: 'Since the router started.',
  replicas: 'Of the last minute.',
};

function Content({ part, window, span, every }: { part: Part; window: number; span: string; every: number }) {
  switch (part) {
    case 'operations':
      return <Of path={`/operations?window=${window}&sort=rate&limit=200`} every={every} what="the operations" show={(data: Operations) => <OperationTable data={data} />} />;
    case 'slow':
      return <Traces key="slow" outcome="slow" window={window} span={span} every={every} />;
    case 'failing':
      return <Traces key="error" outcome="error" window={window} span={span} every={every} />;
    case 'errors':
      return <Of path={`/errors?window=${window}`} every={every} what="the errors" show={(data: { errors: ErrorRow[] | null }) => <ErrorTable rows={data.errors ?? []} span={span} />} />;
    case 'clients':
      return <Of path={`/clients?window=${window}`} every={every} what="the clients" show={(data: { clients: ClientRow[] | null }) => <ClientTable rows={data.clients ?? []} />} />;
    case 'subgraphs':
      return <Of path={`/subgraphs?window=${window}`} every={every} what="the subgraphs" show={(data: { subgraphs: SubgraphState[] | null }) => <SubgraphTable rows={data.subgraphs ?? []} />} />;
    case 'cache':
      return <Of path="/cache" every={every} what="the caches" show={(data: Caches) => <CacheTables data={data} />} />;
    case 'limits':
      return <Of path="/limits" every={every} what="the limits" show={(data: { limits: LimitRow[] | null }) => <LimitTable rows={data.limits ?? []} />} />;
    case 'subscriptions':
      return <Of path="/subscriptions" every={every} what="the subscriptions" show={(data: Subscriptions) => <SubscriptionTables data={data} />} />;
    case 'canary':
      return <Of path="/canary" every={every} what="the canary" show={(data: { canary: Canary | null }) => <CanaryTables canary={data.canary} />} />;
    case 'replicas':
      return (
        <Of
          path="/replicas"
          every={every}
          what="the replicas"
          show={(data: Replicas) => (
            <>
              {data.error && <Failed error={new Error(data.error)} what="the figures of Prometheus" inline />}
              <Reported data={data} />
            </>
          )}
        />
      );
  }
}

/** The replicas that were reported last, and when. */
let reported: { replicas: Replicas['replicas']; at: string } | undefined;

/** The replicas; after an error, those from before. */
function Reported({ data }: { data: Replicas }) {
  if (!data.error) {
    reported = { replicas: data.replicas, at: new Date().toISOString() };
    return <ReplicaTable rows={data.replicas ?? []} />;
  }
  if (data.replicas && data.replicas.length > 0) return <ReplicaTable rows={data.replicas} />;
  if (!reported?.replicas?.length) return <Unknown what="which replicas there are" />;
  return (
    <>
      <AsOf time={reported.at} />
      <ReplicaTable rows={reported.replicas} />
    </>
  );
}

function Of<T>({ path, every, what, show }: { path: string; every: number; what: string; show: (data: T) => preact.ComponentChildren }) {
  const resource = useApi<T>(path, every);
  if (resource.error?.status === 404) return <Empty title="This router has no such figures." />;
  return (
    <Loaded of={resource} what={what}>
      {show}
    </Loaded>
  );
}

/** The traces that began within the window. */
function Traces({ outcome, window, span, every }: { outcome: 'slow' | 'error'; window: number; span: string; every: number }) {
  const traces = useApi<{ traces: TraceSummary[] | null }>(`/traces?outcome=${outcome}&limit=100`, every);
  // While the router does not respond, the window ends with what is known.
  const since = (traces.error ? (traces.at ?? 0) : Date.now()) - window * 1000;
  const within = traces.data && { traces: (traces.data.traces ?? []).filter((each) => Date.parse(each.time) >= since) };
  return <TraceTable of={{ ...traces, data: within }} sort={outcome === 'slow' ? 'duration' : 'time'} none={`No ${outcome === 'slow' ? 'slow' : 'failing'} operation in the last ${span}.`} />;
}
