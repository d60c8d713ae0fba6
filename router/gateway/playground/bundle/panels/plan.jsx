// The plan of what is typed, and how the last run went.
import { useEffect, useState } from 'preact/hooks';
import { call, token } from '../../../../console/page/bundle/src/api.ts';
import { duration, exact, operationName as nameOf } from '../../../../console/page/bundle/src/format.ts';
import { Costs, overLimit } from '../../../../console/page/bundle/src/plan/cost.tsx';
import { PlanTree } from '../../../../console/page/bundle/src/plan/tree.tsx';
import { readTrace } from '../../../../console/page/bundle/src/plan/run.ts';
import { Waterfall } from '../../../../console/page/bundle/src/plan/waterfall.tsx';
import { Why } from '../../../../console/page/bundle/src/plan/why.tsx';
import { setSubgraphs } from '../../../../console/page/bundle/src/ui.tsx';

/** How long the text must stay the same before it is planned, in milliseconds. */
const pause = 400;

export function PlanPanel({ url, runs, query, variables, operationName }) {
  const [turn, setTurn] = useState(0);
  const outcome = usePlan(url, query, variables, operationName, turn);
  const run = useRun(url, runs, turn);
  const refused = outcome.refused || run.refused;
  useSubgraphs(url, turn);
  return (
    <>
      <header class="row between">
        <h2>Query plan</h2>
        <a href={run.id ? `${url}#/operation/trace/${run.id}` : `${url}#/operation`} target="_blank" rel="noopener">
          {run.id ? 'Last run in the console' : 'Open the console'}
        </a>
      </header>
      {refused && <Token done={() => setTurn(turn + 1)} />}
      {run.trace && <LastRun trace={run.trace} />}
      {run.missing && <p class="muted">The last run has no trace: the router keeps only a sample.</p>}
      {!refused && <Planned outcome={outcome} empty={query.trim() === ''} />}
    </>
  );
}

function Planned({ outcome, empty }) {
  if (empty) return <p class="muted">Type an operation to see its plan.</p>;
  if (outcome.problems) {
    return (
      <ul class="plain" role="status">
        {outcome.problems.map((problem, index) => (
          <li key={index} class="notice bad">
            {problem.locations?.[0] && <strong>{`Line ${problem.locations[0].line}: `}</strong>}
            {problem.message}
          </li>
        ))}
      </ul>
    );
  }
  if (!outcome.result) return <p class="muted" role="status">Planning…</p>;
  const { plan, cost, limits, explanation } = outcome.result;
  return (
    <section aria-label="Plan">
      <PlanTree plan={plan} />
      <details>
        <summary>Why this plan</summary>
        <Why explanation={explanation} />
      </details>
      <details>
        <summary>
          Cost and limits{cost?.estimated != null && `: estimated cost ${exact(cost.estimated)}`}
          {overLimit(cost) && <span class="bad-text">, over the limit of {exact(cost.max)}</span>}
        </summary>
        <Costs cost={cost} limits={limits} />
      </details>
    </section>
  );
}

function LastRun({ trace }) {
  return (
    <section aria-label="Last run">
      <h3 class="row between">
        <span>Last run: {nameOf(trace.operation.name)}</span>
        <span class="muted">{duration(trace.duration)}</span>
      </h3>
      <Waterfall trace={trace} />
    </section>
  );
}

/** The plan of the operation, or what is wrong with it. It stays until the next is there. */
function usePlan(url, query, variables, operationName, turn) {
  const [outcome, setOutcome] = useState({});
  useEffect(() => {
    if (query.trim() === '') return undefined;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const body = { query, variables: parsed(variables), operation_name: operationName ?? '', explain: true };
        setOutcome({ result: await call('/plan', { base: url, method: 'POST', body, signal: abort.signal }) });
      } catch (cause) {
        if (abort.signal.aborted) return;
        setOutcome({ refused: cause.kind === 'token', problems: cause.body?.errors ?? [{ message: cause.message }] });
      }
    }, pause);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [url, query, variables, operationName, turn]);
  return outcome;
}

/** The variables that are typed, or none while they are not JSON. */
function parsed(variables) {
  try {
    return variables.trim() === '' ? {} : JSON.parse(variables);
  } catch {
    return {};
  }
}

/** The trace of the last run. */
function useRun(url, runs, turn) {
  const [id, setId] = useState(runs.last);
  const [state, setState] = useState({});
  useEffect(() => runs.subscribe(setId), [runs]);
  useEffect(() => {
    if (!id) return undefined;
    const abort = new AbortController();
    const read = async () => {
      try {
        const trace = await readTrace(id, { base: url, signal: abort.signal });
        if (!abort.signal.aborted) setState(trace ? { trace } : { missing: true });
      } catch (cause) {
        if (!abort.signal.aborted) setState({ refused: cause.kind === 'token' });
      }
    };
    void read();
    return () => abort.abort();
  }, [url, id, turn]);
  return { id, ...state };
}

/** Gives subgraphs the colors that they have in the console. */
function useSubgraphs(url, turn) {
  const [, setKnown] = useState(false);
  useEffect(() => {
    call('/subgraphs', { base: url }).then(
      ({ subgraphs }) => {
        setSubgraphs((subgraphs ?? []).map((each) => each.name));
        setKnown(true);
      },
      () => {}, // the names tell them apart, too
    );
  }, [url, turn]);
}

function Token({ done }) {
  const submit = (event) => {
    event.preventDefault();
    token.set(new FormData(event.currentTarget).get('token'));
    done();
  };
  return (
    <form class="stack" onSubmit={submit}>
      <label for="console-token">The console needs its token.</label>
      <input id="console-token" name="token" type="password" autocomplete="off" required />
      <button type="submit" class="main">
        Continue
      </button>
    </form>
  );
}
