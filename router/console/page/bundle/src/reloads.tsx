import type { Info, Reload } from './api';
import { ago, count, duration, moment } from './format';
import { route, useApi } from './hooks';
import { Badge, Empty, Loaded, type Tone } from './ui';

const tones: Record<Reload['outcome'], Tone> = { applied: 'good', refused: 'bad', unchanged: 'plain' };
const signs = { added: '+', removed: '−', changed: '~' };

/** What was loaded when, with the differences, and why a reload was refused. */
export default function ReloadsView({ info }: { info: Info }) {
  const reloads = useApi<{ reloads: Reload[] | null }>('/reloads', 5000);
  return (
    <div class="stack">
      <h2>Reloads</h2>
      <p class="muted">
        Supergraph <code title={info.supergraph.id}>{info.supergraph.id.slice(0, 12)}</code>, in use since {moment(info.supergraph.loaded)}.
      </p>
      <Loaded of={reloads} what="the reloads">
        {(data) =>
          (data.reloads ?? []).length === 0 ? (
            <div class="panel">
              <Empty title="Nothing has been reloaded since the router started.">The router reloads its supergraph and its configuration when their files change.</Empty>
            </div>
          ) : (
            <ol class="timeline">
              {data.reloads?.map((reload, index) => (
                <Entry key={`${reload.time} ${index}`} reload={reload} />
              ))}
            </ol>
          )
        }
      </Loaded>
    </div>
  );
}

const mostChanges = 100;

function Entry({ reload }: { reload: Reload }) {
  const changes = reload.changes ?? [];
  return (
    <li class="panel">
      <header class="row">
        <Badge tone={tones[reload.outcome]}>{reload.outcome}</Badge>
        <strong>{reload.kind}</strong>
        <time dateTime={reload.time} class="muted" title={moment(reload.time)}>
          {ago(reload.time)}
        </time>
        <span class="muted">took {duration(reload.duration)}</span>
      </header>
      {reload.reason && <p class={reload.outcome === 'refused' ? 'notice bad' : 'muted'}>{reload.reason}</p>}
      {changes.length > 0 && (
        <ul class="changes" aria-label="Changes">
          {changes.slice(0, mostChanges).map((change, index) => (
            <li key={index} class={change.kind}>
              <span class="sign" aria-hidden="true">
                {signs[change.kind]}
              </span>
              <span class="hidden">{change.kind}: </span>
              {reload.kind === 'supergraph' && change.kind !== 'removed' && /^\w+(\.\w+)?$/.test(change.what) ? <a href={route('graph', ...change.what.split('.'))}>{change.what}</a> : <code>{change.what}</code>}
              <span class="muted">{change.detail}</span>
            </li>
          ))}
          {changes.length > mostChanges && <li class="muted">and {count(changes.length - mostChanges)} more</li>}
        </ul>
      )}
    </li>
  );
}
