import { parse } from 'graphql';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { call, Failure, type Info, type OperationRow, type Operations, type PlanResult, type Trace, type TraceSummary } from '../api';
import { ambiguous, count, duration, exact, operationName, shortHash } from '../format';
import { useApi, useStored } from '../hooks';
import { pretty } from '../plan/code';
import { Costs, overLimit } from '../plan/cost';
import { Queries } from '../plan/queries';
import { PlanTree, depthsOf } from '../plan/tree';
import { Empty, Figure, TabPanel, Tabs } from '../ui';
import { OpenTrace } from './open';
import { parseHeaders, type Run, RunPanel, run } from './run';
import { TraceView } from './trace';
import { TraceTable } from './traces';
import { Why } from '../plan/why';

/** Plans what is typed, and shows traces. parts is the rest of the route. */
export default function OperationView({ info, parts }: { info: Info; parts: string[] }) {
  if (parts[0] === 'trace' && parts[1]) return <TraceView key={parts[1]} id={parts[1]} info={info} />;
  return <Planner info={info} />;
}

interface Problem {
  message: string;
  locations?: { line: number; column: number }[];
}

type Outcome = { result: PlanResult; query: string } | { title: string; problems: Problem[] } | undefined;

/** What is typed. */
interface Typed {
  query: string;
  variables: string;
  name: string;
}

function parseVariables(text: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new Error(`The variables are not JSON: ${(cause as Error).message}`);
  }
}

async function planOf({ query, variables, name }: Typed): Promise<Outcome> {
  try {
    const body = { query, variables: parseVariables(variables), operation_name: name, explain: true };
    return { query, result: await call<PlanResult>('/plan', { method: 'POST', body }) };
  } catch (cause) {
    const body = cause instanceof Failure ? (cause.body as { errors?: Problem[] } | undefined) : undefined;
    return { title: 'The operation has no plan', problems: body?.errors ?? [{ message: (cause as Error).message }] };
  }
}

/** The names of the operations in a document; none while it is not valid. */
function namesIn(document: string): string[] {
  try {
    return parse(document, { noLocation: true }).definitions.flatMap((each) => (each.kind === 'OperationDefinition' && each.name ? [each.name.value] : []));
  } catch {
    return [];
  }
}

/** A document can have several operations. */
const keyOf = (row: OperationRow): string => `${row.hash} ${row.name}`;

/** The headers that are typed. They hold secrets, so they stay in memory only, until the page is closed. */
let typedHeaders = '';

/** What the last plan and run have come to, for when the view is opened again. */
let last: { outcome: Outcome; ran: Run | undefined } = { outcome: undefined, ran: undefined };

function Planner({ info }: { info: Info }) {
  const [query, setQuery] = useStored('query', '');
  const [variables, setVariables] = useStored('variables', '');
  const [outcome, setOutcome] = useState<Outcome>(last.outcome);
  const [busy, setBusy] = useState(false);
  const [headers, setHeaders] = useState(typedHeaders);
  const [chosen, setChosen] = useState('');
  const [ran, setRan] = useState<Run | undefined>(last.ran);
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  last = { outcome, ran: ran?.state === 'running' ? undefined : ran };
  const names = useMemo(() => namesIn(query), [query]);
  const name = names.length < 2 ? '' : names.includes(chosen) ? chosen : (names[0] ?? '');
  const operations = useApi<Operations>('/operations?window=3600&sort=rate&limit=50', 15_000);
  const plan = async (typed: Typed = { query, variables, name }) => {
    setBusy(true);
    setRan(undefined);
    const planned = await planOf(typed);
    setOutcome(planned);
    setBusy(false);
    return planned;
  };
  const execute = async () => {
    let request;
    try {
      request = { query, variables: parseVariables(variables), operation_name: name, headers: parseHeaders(headers) };
    } catch (cause) {
      setRan(undefined);
      setOutcome({ title: 'The operation was not sent', problems: [{ message: (cause as Error).message }] });
      return;
    }
    const planned = await plan();
    if (!planned || 'problems' in planned) return;
    if (planned.result.plan.kind === 'subscription') {
      setRan({ state: 'failed', message: 'A subscription has no single response. Run it in the playground, or with a client that receives events.' });
      return;
    }
    abort.current = new AbortController();
    setRan({ state: 'running' });
    setRan(await run(request, abort.current.signal));
  };
  const running = ran?.state === 'running';
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && running) abort.current?.abort();
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (query.trim() === '' || busy || running) return;
    void (event.shiftKey ? execute() : plan());
  };
  const known = operations.data?.operations ?? [];
  const hashed = ambiguous(known);
  const take = (key: string) => {
    const row = known.find((each) => keyOf(each) === key);
    if (!row) return;
    const text = pretty(row.document);
    setQuery(text);
    setVariables('');
    void plan({ query: text, variables: '', name: row.name });
  };
  return (
    <div class="operation">
      <form
        class="editor panel"
        onSubmit={(event) => {
          event.preventDefault();
          void plan();
        }}
      >
        <div class="row between">
          <h2>Operation</h2>
          {known.length > 0 && (
            <select aria-label="Take an operation from the traffic" value="" onChange={(event) => take(event.currentTarget.value)}>
              <option value="">From the traffic…</option>
              {known.map((each) => (
                <option key={keyOf(each)} value={keyOf(each)}>
                  {each.kind} {operationName(each.name)} {hashed(each.name) && shortHash(each.hash)}
                </option>
              ))}
            </select>
          )}
        </div>
        <textarea class="source" aria-label="GraphQL document" spellcheck={false} autocomplete="off" autocapitalize="off" placeholder="{ orders(first: 3) { nodes { id } } }" value={query} onInput={(event) => setQuery(event.currentTarget.value)} onKeyDown={keys} />
        <label for="variables">Variables</label>
        <textarea id="variables" class="source variables" spellcheck={false} autocomplete="off" placeholder="{}" value={variables} onInput={(event) => setVariables(event.currentTarget.value)} onKeyDown={keys} />
        <label for="headers">Headers</label>
        <textarea id="headers" class="source headers" spellcheck={false} autocomplete="off" placeholder="Authorization: Bearer TOKEN" value={headers} onInput={(event) => setHeaders((typedHeaders = event.currentTarget.value))} onKeyDown={keys} />
        {names.length > 1 && (
          <>
            <label for="name">Operation to plan or run</label>
            <select id="name" value={name} onChange={(event) => setChosen(event.currentTarget.value)}>
              {names.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>
          </>
        )}
        <div class="row">
          <button type="submit" class="main" disabled={busy || running || query.trim() === ''} title="Ctrl+Enter">
            {busy ? 'Planning…' : 'Plan'}
          </button>
          {running ? (
            <button type="button" title="Escape" onClick={() => abort.current?.abort()}>
              Cancel
            </button>
          ) : (
            <button type="button" disabled={busy || query.trim() === ''} title="Ctrl+Shift+Enter" onClick={() => void execute()}>
              Run
            </button>
          )}
          <button type="button" disabled={query.trim() === ''} onClick={() => setQuery(pretty(query))}>
            Format
          </button>
          {info.playground_url && query.trim() !== '' && (
            <a class="button" href={`${info.playground_url}#${new URLSearchParams({ query, variables })}`} target="_blank" rel="noopener">
              Open in the playground
            </a>
          )}
        </div>
      </form>
      <div class="results stack">
        {ran && <RunPanel of={ran} />}
        {outcome === undefined ? <Start /> : 'problems' in outcome ? <Problems {...outcome} /> : <Result key={outcome.query} result={outcome.result} trace={ran?.state === 'done' ? ran.trace : undefined} />}
      </div>
      <Recent />
    </div>
  );
}

function Start() {
  return (
    <div class="panel">
      <Empty title="Plan an operation to see how the router would execute it.">
        Planning sends no subgraph requests. Run sends the operation to the router, as a client would, and shows how it went.
      </Empty>
    </div>
  );
}

function Problems({ problems, title }: { problems: Problem[]; title: string }) {
  return (
    <div class="panel" role="alert">
      <h2>{title}</h2>
      <ul class="plain">
        {problems.map((problem, index) => (
          <li key={index} class="notice bad">
            {problem.locations?.[0] && <strong>{`Line ${problem.locations[0].line}, column ${problem.locations[0].column}: `}</strong>}
            {problem.message}
          </li>
        ))}
      </ul>
    </div>
  );
}

type Tab = 'plan' | 'why' | 'queries' | 'limits' | 'text';

function Result({ result, trace }: { result: PlanResult; trace: Trace | undefined }) {
  const [tab, setTab] = useState<Tab>('plan');
  const levels = result.plan.fetches.length === 0 ? 0 : Math.max(...depthsOf(result.plan).values()) + 1;
  return (
    <div class="panel" aria-live="polite">
      <dl class="figures-row">
        <Figure label="Fetches" value={count(result.plan.fetches.length)} />
        <Figure label="Levels" value={count(levels)} />
        <Figure
          label="Estimated cost"
          value={exact(result.cost?.estimated)}
          tone={overLimit(result.cost) ? 'bad' : undefined}
          detail={result.cost?.max != null && `${overLimit(result.cost) ? 'over the limit of' : 'of'} ${exact(result.cost.max)}`}
        />
        <Figure label="Planning" value={duration(result.explanation?.stages?.reduce((sum, stage) => sum + stage.duration, 0))} />
      </dl>
      <Tabs
        label="Result"
        chosen={tab}
        choose={setTab}
        tabs={[
          { key: 'plan', label: 'Plan' },
          { key: 'why', label: 'Why this plan' },
          { key: 'queries', label: 'Subgraph queries' },
          { key: 'limits', label: 'Cost and limits' },
          { key: 'text', label: 'Text' },
        ]}
      />
      <TabPanel tab={tab}>
        {tab === 'plan' && <PlanTree plan={result.plan} />}
        {tab === 'why' && <Why explanation={result.explanation} />}
        {tab === 'queries' && <Queries queries={result.queries ?? []} />}
        {tab === 'limits' && <Costs cost={trace?.cost ?? result.cost} limits={trace?.limits ?? result.limits} />}
        {tab === 'text' && (
          <pre class="code" tabIndex={0} role="region" aria-label="Plan as text">
            {result.text}
          </pre>
        )}
      </TabPanel>
    </div>
  );
}

type Outcomes = 'any' | 'slow' | 'error';

function Recent() {
  const [outcome, setOutcome] = useState<Outcomes>('any');
  const traces = useApi<{ traces: TraceSummary[] }>(`/traces?outcome=${outcome}&limit=50`, 5000);
  return (
    <section class="panel recent" aria-labelledby="recent">
      <div class="row between">
        <h2 id="recent">Recent traces</h2>
        <div class="segments" role="group" aria-label="Which traces">
          {(['any', 'slow', 'error'] as const).map((each) => (
            <button key={each} type="button" aria-pressed={each === outcome} onClick={() => setOutcome(each)}>
              {{ any: 'All', slow: 'Slow', error: 'Failing' }[each]}
            </button>
          ))}
        </div>
      </div>
      <OpenTrace />
      <TraceTable key={outcome} of={traces} />
    </section>
  );
}
