import { useEffect, useState } from 'preact/hooks';
import { call, Failure, type Graph, type Info, type PlanResult, type Trace } from '../api';
import { clientName, count, duration, operationName, shortHash } from '../format';
import { useApi } from '../hooks';
import { Code } from '../plan/code';
import { Costs } from '../plan/cost';
import { placeholders } from '../plan/placeholders';
import { PlanTree } from '../plan/tree';
import { Queries } from '../plan/queries';
import { Waterfall } from '../plan/waterfall';
import { Why } from '../plan/why';
import { Badge, Empty, Figure, Loaded, Loading, TabPanel, Tabs, When } from '../ui';
import { OpenTrace } from './open';

/** One request: its waterfall, plan, cost, limits and errors. */
export function TraceView({ id, info }: { id: string; info: Info }) {
  const trace = useApi<Trace>(`/traces/${encodeURIComponent(id)}`);
  if (trace.error?.status === 404) {
    return (
      <div class="panel">
        <Empty title="There is no trace with this ID.">
          The router keeps a sample of ordinary requests and drops the oldest traces. It may also have restarted since. <a href="#/operation">Recent traces</a>
        </Empty>
        <OpenTrace />
      </div>
    );
  }
  return (
    <Loaded of={trace} what="the trace">
      {(data) => <Details trace={data} info={info} />}
    </Loaded>
  );
}

type Tab = 'plan' | 'why' | 'queries' | 'operation' | 'limits';

function Details({ trace, info }: { trace: Trace; info: Info }) {
  const [tab, setTab] = useState<Tab>('plan');
  const errors = trace.errors ?? [];
  const variables = trace.operation.variables;
  const shownVariables = variables === null || variables === undefined ? '' : JSON.stringify(variables, null, 2);
  return (
    <div class="trace">
      <header class="panel">
        <nav class="crumbs" aria-label="Place">
          <a href="#/operation">Operation</a>
          <span aria-current="page">Trace</span>
        </nav>
        <h2 title={trace.operation.name}>
          {trace.operation.kind} {operationName(trace.operation.name)}
        </h2>
        <dl class="figures-row">
          <Figure label="Duration" value={duration(trace.duration)} />
          <Figure label="Status" value={trace.status || '–'} tone={trace.status >= 400 ? 'bad' : undefined} />
          <Figure label="Fetches" value={count(trace.fetches?.length ?? 0)} />
          <Figure label="Errors" value={count(errors.length)} tone={errors.length > 0 ? 'bad' : undefined} />
          <Figure label="Client" value={clientName(trace.client)} />
          <Figure label="Time" value={<When time={trace.time} both />} detail={trace.carrier} />
        </dl>
        <p class="muted id-line">
          Trace <code>{trace.id}</code>
          {trace.operation.hash && (
            <>
              , operation <code title={trace.operation.hash}>{shortHash(trace.operation.hash)}</code>
            </>
          )}
        </p>
        {errors.map((error, index) => (
          <p key={index} class="notice bad">
            {error.code && <Badge tone="bad">{error.code}</Badge>} {error.message}
            {error.path && error.path.length > 0 && <code> {error.path.join('.')}</code>}
          </p>
        ))}
      </header>
      <section class="panel" aria-labelledby="waterfall">
        <h2 id="waterfall">Waterfall</h2>
        <Waterfall trace={trace} />
      </section>
      <section class="panel" aria-label="Plan, operation and limits">
        <Tabs
          label="Trace"
          chosen={tab}
          choose={setTab}
          tabs={[
            { key: 'plan', label: 'Plan' },
            { key: 'why', label: 'Why this plan' },
            { key: 'queries', label: 'Subgraph queries' },
            { key: 'operation', label: 'Operation' },
            { key: 'limits', label: 'Cost and limits' },
          ]}
        />
        <TabPanel tab={tab}>
          {tab === 'plan' && (trace.plan ? <PlanTree plan={trace.plan} /> : <p class="muted">{trace.plan_error ? `There is no plan: ${trace.plan_error}.` : 'The request ended before it had a plan.'}</p>)}
          {tab === 'why' && (trace.plan ? <WhyThen trace={trace} dev={info.dev} /> : <p class="muted">The request has no plan.</p>)}
          {tab === 'queries' && <Queries queries={queriesOf(trace)} />}
          {tab === 'operation' && (
            <>
              <Code text={trace.operation.document} label="document" />
              {shownVariables !== '' && (
                <>
                  <h3>Variables</h3>
                  <pre class="code" tabIndex={0} role="region" aria-label="Variables">
                    {shownVariables}
                  </pre>
                  {!info.dev && <p class="muted">Values are redacted as in logs.</p>}
                </>
              )}
            </>
          )}
          {tab === 'limits' && <Costs cost={trace.cost} limits={trace.limits} />}
        </TabPanel>
      </section>
    </div>
  );
}

/** The queries that were sent, and those of the plan for fetches that sent none. */
function queriesOf(trace: Trace): { fetch: number; subgraph: string; query: string }[] {
  const sent = new Map((trace.fetches ?? []).map((each) => [each.id, each.query]));
  const planned = (trace.plan?.fetches ?? []).map((each) => ({ fetch: each.id, subgraph: each.subgraph, query: sent.get(each.id) || each.query || '' }));
  return planned.filter((each) => each.query !== '');
}

function problemOf(cause: Error): string {
  const body = cause instanceof Failure ? (cause.body as { errors?: { message: string }[] } | undefined) : undefined;
  return body?.errors?.[0]?.message ?? cause.message;
}

/** Explains the plan of a trace. The router plans the operation for it again. */
function WhyThen({ trace, dev }: { trace: Trace; dev: boolean }) {
  const [state, setState] = useState<{ explanation?: PlanResult['explanation']; problem?: string }>({});
  useEffect(() => {
    const abort = new AbortController();
    const explain = async () => {
      const variables = dev ? (trace.operation.variables ?? {}) : placeholders(trace.operation.document, await call<Graph>('/graph', { signal: abort.signal }));
      const body = { query: trace.operation.document, variables, operation_name: trace.operation.name, explain: true };
      return call<PlanResult>('/plan', { method: 'POST', body, signal: abort.signal });
    };
    explain().then(
      ({ explanation }) => setState({ explanation }),
      (cause: Error) => !abort.signal.aborted && setState({ problem: problemOf(cause) }),
    );
    return () => abort.abort();
  }, [trace.id]);
  if (state.problem !== undefined) return <p class="notice bad">The router cannot explain the plan: {state.problem}</p>;
  return state.explanation === undefined ? <Loading what="the explanation" /> : <Why explanation={state.explanation} />;
}
