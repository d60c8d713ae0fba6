import { call, type RunResult, type Trace } from '../api';
import { bytes, duration, exact } from '../format';
import { route } from '../hooks';
import { readTrace } from '../plan/run';
import { Waterfall } from '../plan/waterfall';
import { Badge, Figure } from '../ui';
import { CacheTable } from './cache';

/** How long a run may take, in milliseconds. The router's own timeouts are usually shorter. */
const longest = 120_000;

/** A run of an operation: in progress, with its response and trace, or not sent at all. */
export type Run = { state: 'running' } | { state: 'failed'; message: string } | { state: 'done'; result: RunResult; trace: Trace | undefined; unread?: string };

export interface Request {
  query: string;
  variables: unknown;
  operation_name: string;
  headers: Record<string, string>;
}

/** Runs an operation and waits for its trace. */
export async function run(request: Request, signal: AbortSignal): Promise<Run> {
  try {
    const result = await call<RunResult>('/run', { method: 'POST', body: request, signal, timeout: longest });
    // The operation has run, also if its trace cannot be read.
    const trace = result.trace === null ? undefined : await readTrace(result.trace, { signal }).catch((cause: Error) => cause);
    return trace instanceof Error ? { state: 'done', result, trace: undefined, unread: trace.message } : { state: 'done', result, trace };
  } catch (cause) {
    if (signal.aborted) return { state: 'failed', message: 'The run was cancelled. A mutation may have taken effect.' };
    return { state: 'failed', message: (cause as Error).message };
  }
}

/** Reads headers, one in each line, or says which line is not one. */
export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const match = /^\s*([^\s:]+)\s*:\s*(.*?)\s*$/.exec(line);
    if (!match?.[1]) throw new Error(`Line ${index + 1} of the headers is not a header, such as Authorization: Bearer TOKEN.`);
    headers[match[1]] = match[2] ?? '';
  }
  return headers;
}

/** What a run has come to: its waterfall and its response. */
export function RunPanel({ of }: { of: Run }) {
  if (of.state === 'running') {
    return (
      <section class="panel" aria-label="Run">
        <p class="row" role="status" aria-busy="true">
          <span class="spinner" aria-hidden="true" /> Running…
        </p>
      </section>
    );
  }
  if (of.state === 'failed') {
    return (
      <section class="panel" aria-label="Run" role="alert">
        <p class="notice bad">{of.message}</p>
      </section>
    );
  }
  const { result, trace, unread } = of;
  const { text, errors } = laidOut(result.body);
  return (
    <section class="panel" aria-labelledby="run">
      <div class="row between">
        <h2 id="run">Run</h2>
        {trace && <a href={route('operation', 'trace', trace.id)}>Open the trace</a>}
      </div>
      <div role="status">
        <dl class="figures-row">
          <Figure label="Status" value={result.status} tone={result.status >= 400 ? 'bad' : undefined} />
          <Figure label="Duration" value={duration(trace?.duration ?? result.duration)} />
          <Figure label="Errors" value={exact(errors)} tone={errors > 0 ? 'bad' : undefined} />
          {trace && <Figure label="Fetches" value={exact(trace.fetches?.length ?? 0)} />}
          {trace?.cost?.actual != null && <Figure label="Actual cost" value={exact(trace.cost.actual)} />}
          <Figure label="Response" value={bytes(result.bytes)} />
        </dl>
      </div>
      {trace ? <Waterfall trace={trace} /> : <p class="muted">There is no waterfall: {unread === undefined ? 'the router kept no trace of this run.' : `the trace of this run cannot be read. ${unread}`}</p>}
      <CacheTable entries={result.cache} omitted={result.cache_omitted} />
      <h3 class="row">
        Response {result.cut && <Badge tone="warn">only its beginning</Badge>}
      </h3>
      <pre class="code" tabIndex={0} role="region" aria-label="Response">
        {text}
      </pre>
    </section>
  );
}

/** The text of a response, laid out if it is JSON, and the number of its errors. */
function laidOut(body: string): { text: string; errors: number } {
  try {
    const json: unknown = JSON.parse(body);
    const errors = (json as { errors?: unknown[] } | null)?.errors;
    return { text: JSON.stringify(json, null, 2), errors: Array.isArray(errors) ? errors.length : 0 };
  } catch {
    return { text: body, errors: 0 };
  }
}
