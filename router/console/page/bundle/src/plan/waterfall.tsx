import { useState } from 'preact/hooks';
import type { Trace, TraceFetch } from '../api';
import { bytes, count, duration, plural } from '../format';
import { Badge, Subgraph, swatch, type Tone } from '../ui';
import { Code } from './code';

const outcomes: Record<TraceFetch['outcome'], { label: string; tone: Tone; title: string } | undefined> = {
  hit: { label: 'cache hit', tone: 'good', title: 'The cache had every entity, so no request was sent.' },
  partial: { label: 'partial hit', tone: 'info', title: 'The cache had some of the entities.' },
  miss: { label: 'cache miss', tone: 'plain', title: 'The cache had none of the entities.' },
  shared: { label: 'shared', tone: 'info', title: 'An identical request was in flight, and its response was used.' },
  none: undefined,
};

/** The times of a request's stages and fetches, drawn to scale. */
export function Waterfall({ trace }: { trace: Trace }) {
  const fetches = [...(trace.fetches ?? [])].sort((a, b) => a.start - b.start || a.id - b.id);
  const stages = trace.stages ?? [];
  const total = Math.max(trace.duration, ...fetches.map((fetch) => fetch.start + fetch.duration), 1e-6);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * total);
  return (
    <div class="waterfall-frame">
      <div class="waterfall" role="table" aria-label="Waterfall of the request">
        <div class="w-row w-head" role="row">
          <span role="columnheader">Fetch</span>
          <span role="columnheader" class="w-axis" aria-label="Time">
            {ticks.map((tick) => (
              <i key={tick} style={{ left: `${(tick / total) * 100}%` }}>
                {duration(tick)}
              </i>
            ))}
          </span>
          <span role="columnheader">Result</span>
        </div>
        {stages.map((stage, index) => (
          <div key={`${stage.name} ${index}`} class="w-row w-stage" role="row">
            <span role="rowheader">{stage.name}</span>
            <span role="cell" class="w-track">
              <Bar start={stage.start ?? 0} length={stage.duration} total={total} kind="stage" />
            </span>
            <span role="cell">{duration(stage.duration)}</span>
          </div>
        ))}
        {fetches.map((fetch) => (
          <FetchRow key={fetch.id} fetch={fetch} total={total} />
        ))}
      </div>
      {fetches.length === 0 && <p class="muted w-none">No subgraph requests.</p>}
      {fetches.some((fetch) => fetch.critical) && (
        <p class="muted w-legend">
          <i class="critical-mark" aria-hidden="true" /> Critical path: the fetches that the response waited for.
        </p>
      )}
    </div>
  );
}

function FetchRow({ fetch, total }: { fetch: TraceFetch; total: number }) {
  const [open, setOpen] = useState(false);
  const outcome = outcomes[fetch.outcome];
  return (
    <>
      <div class={`w-row w-fetch ${fetch.critical ? 'critical' : ''}`} role="row">
        <span role="rowheader">
          <button type="button" class="expand" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span class="hidden">Fetch </span>
            <span class="id">{fetch.id}</span>
            <Subgraph name={fetch.subgraph} />
            {fetch.critical && <span class="hidden">, on the critical path</span>}
          </button>
        </span>
        <span role="cell" class="w-track">
          <Bar start={fetch.start} length={fetch.duration} total={total} kind={`${swatch(fetch.subgraph)} ${fetch.error ? 'failed' : ''}`} />
        </span>
        <span role="cell" class="w-result">
          <b>{duration(fetch.duration)}</b>
          {fetch.representations > 0 && <span title="The entities that the fetch needs, and how many of them the cache had">{entities(fetch)}</span>}
          {fetch.received > 0 && <span title="Received">{bytes(fetch.received)}</span>}
          {outcome && (
            <Badge tone={outcome.tone} title={outcome.title}>
              {outcome.label}
            </Badge>
          )}
          {fetch.retries > 0 && <Badge tone="warn">{`${fetch.retries} ${fetch.retries === 1 ? 'retry' : 'retries'}`}</Badge>}
          {fetch.error && <Badge tone="bad">failed</Badge>}
        </span>
      </div>
      {open && (
        <div class="w-detail" role="row">
          <div role="cell">
            {fetch.error && <p class="notice bad">{fetch.error}</p>}
            <dl class="inline">
              <dt>Started at</dt>
              <dd>{duration(fetch.start)}</dd>
              <dt>Status</dt>
              <dd>{fetch.status || '–'}</dd>
              <dt>Sent</dt>
              <dd>{bytes(fetch.sent)}</dd>
              <dt>Received</dt>
              <dd>{bytes(fetch.received)}</dd>
              {fetch.representations > 0 && (
                <>
                  <dt>Entities needed</dt>
                  <dd>{count(fetch.representations)}</dd>
                  <dt>From the cache</dt>
                  <dd>{count(fetch.found)}</dd>
                  <dt>Requested from the subgraph</dt>
                  <dd>{count(fetch.entities)}</dd>
                </>
              )}
            </dl>
            {fetch.query && <Code text={fetch.query} label={`query of fetch ${fetch.id}`} />}
          </div>
        </div>
      )}
    </>
  );
}

/** The entities of a fetch, such as "12 entities, 11 cached". */
function entities(fetch: TraceFetch): string {
  const all = plural(fetch.representations, 'entity', 'entities');
  return fetch.outcome === 'none' || fetch.outcome === 'shared' ? all : `${all}, ${fetch.found === fetch.representations ? 'all' : count(fetch.found)} cached`;
}

function Bar({ start, length, total, kind }: { start: number; length: number; total: number; kind: string }) {
  const left = Math.min(99.5, (start / total) * 100);
  return <i class={`bar ${kind}`} style={{ left: `${left}%`, width: `${Math.max(0.4, Math.min(100 - left, (length / total) * 100))}%` }} title={`${duration(start)} to ${duration(start + length)}`} />;
}
