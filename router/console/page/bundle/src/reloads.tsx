import type { Info, Reload } from './api';
import { count, duration, moment } from './format';
import { route, useApi } from './hooks';
import { Badge, Empty, Loaded, type Tone, When } from './ui';

const tones: Record<Reload['outcome'], Tone> = { applied: 'good', refused: 'bad', unchanged: 'plain' };
const outcomes: Record<Reload['outcome'], string> = { applied: 'applied', refused: 'rejected', unchanged: 'unchanged' };
const signs = { added: '+', removed: '−', changed: '~' };

/** What was loaded when, with the differences, and why a reload was rejected. */
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
              {data.reloads?.map((reload) => (
                <Entry key={`${reload.time} ${reload.kind}`} reload={reload} />
              ))}
            </ol>
          )
        }
      </Loaded>
    </div>
  );
}

const mostChanges = 100;

/** The type and the field that a change is about; none if it is about neither. */
function coordinate(what: string): string[] {
  const found = /^([A-Z_]\w*)(?:\.(\w+))?(?![\w.-])/.exec(what);
  return found ? found.slice(1).filter((part) => part !== undefined) : [];
}

function Entry({ reload }: { reload: Reload }) {
  const changes = reload.changes ?? [];
  const more = Math.max(0, changes.length - mostChanges) + (reload.more ?? 0);
  return (
    <li class="panel">
      <header class="row">
        <Badge tone={tones[reload.outcome]}>{outcomes[reload.outcome]}</Badge>
        <strong>{reload.kind}</strong>
        <span class="muted">
          <When time={reload.time} both />
        </span>
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
              {reload.kind === 'supergraph' && change.kind !== 'removed' && coordinate(change.what).length > 0 ? <a href={route('graph', ...coordinate(change.what))}>{change.what}</a> : <code>{change.what}</code>}
              <span class="muted">{change.kind === 'changed' && change.detail === 'a secret' ? 'a secret value changed' : change.detail}</span>
            </li>
          ))}
          {more > 0 && <li class="muted">and {count(more)} more</li>}
        </ul>
      )}
      {reload.outcome !== 'refused' && changes.length === 0 && !reload.reason && <p class="muted">No differences were found.</p>}
    </li>
  );
}
