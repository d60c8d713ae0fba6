import { useState } from 'preact/hooks';
import type { Info, Trace } from '../api';
import { clientName, count, duration, moment, operationName } from '../format';
import { useApi } from '../hooks';
import { Code } from '../plan/code';
import { Costs } from '../plan/cost';
import { PlanTree } from '../plan/tree';
import { Waterfall } from '../plan/waterfall';
import { Badge, Empty, Figure, Loaded, TabPanel, Tabs } from '../ui';

/** One request: its waterfall, plan, cost, limits and errors. */
export function TraceView({ id, info }: { id: string; info: Info }) {
  const trace = useApi<Trace>(`/traces/${encodeURIComponent(id)}`);
  if (trace.error?.status === 404) {
    return (
      <div class="panel">
        <Empty title="There is no trace with this ID.">
          The router keeps a sample of ordinary requests and drops the oldest traces. It may also have restarted since. <a href="#/operation">Recent traces</a>
        </Empty>
      </div>
    );
  }
  return (
    <Loaded of={trace} what="the trace">
      {(data) => <Details trace={data} info={info} />}
    </Loaded>
  );
}

type Tab = 'plan' | 'operation' | 'limits';

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
          <Figure label="Time" value={moment(trace.time)} detail={trace.carrier} />
        </dl>
        <p class="muted id-line">
          Trace <code>{trace.id}</code>
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
            { key: 'operation', label: 'Operation' },
            { key: 'limits', label: 'Cost and limits' },
          ]}
        />
        <TabPanel tab={tab}>
          {tab === 'plan' && (trace.plan ? <PlanTree plan={trace.plan} /> : <p class="muted">The request ended before it had a plan.</p>)}
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
