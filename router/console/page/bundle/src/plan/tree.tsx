import type { Plan, PlanFetch, Segment } from '../api';
import { Badge, Subgraph } from '../ui';
import { Code } from './code';

/** A plan as a tree: a fetch is below the last of the fetches that it waits for. */
export function PlanTree({ plan }: { plan: Plan }) {
  const children = new Map<number, PlanFetch[]>();
  const roots: PlanFetch[] = [];
  const depths = depthsOf(plan);
  for (const fetch of plan.fetches) {
    const parent = [...(fetch.dependsOn ?? [])].sort((a, b) => (depths.get(b) ?? 0) - (depths.get(a) ?? 0) || b - a)[0];
    if (parent === undefined) roots.push(fetch);
    else children.set(parent, [...(children.get(parent) ?? []), fetch]);
  }
  if (plan.fetches.length === 0) return <p class="muted">The router resolves this operation itself. It sends no subgraph requests.</p>;
  return (
    <ul class="plan-tree" aria-label="Query plan">
      {roots.map((fetch) => (
        <Node key={fetch.id} fetch={fetch} children_={children} />
      ))}
    </ul>
  );
}

/** How many fetches wait for each other up to each fetch. */
export function depthsOf(plan: Plan): Map<number, number> {
  const depths = new Map<number, number>();
  for (const fetch of plan.fetches) {
    depths.set(fetch.id, Math.max(0, ...(fetch.dependsOn ?? []).map((id) => (depths.get(id) ?? 0) + 1)));
  }
  return depths;
}

function Node({ fetch, children_ }: { fetch: PlanFetch; children_: Map<number, PlanFetch[]> }) {
  const below = children_.get(fetch.id) ?? [];
  return (
    <li>
      <details>
        <summary>
          <span class="id">{fetch.id}</span>
          <Subgraph name={fetch.subgraph} />
          <span class="what">{describe(fetch)}</span>
          {(fetch.dependsOn?.length ?? 0) > 1 && <span class="muted">after {fetch.dependsOn?.join(', ')}</span>}
          {fetch.fallbackFor !== undefined && <Badge tone="info" title="Usually sends nothing: refetches for entities that lacked an input of the merged fetch.">fallback for {fetch.fallbackFor}</Badge>}
          {fetch.deferID !== undefined && fetch.deferID > 0 && <Badge tone="info">deferred {fetch.deferID}</Badge>}
        </summary>
        {fetch.query && <Code text={fetch.query} label={`query of fetch ${fetch.id}`} />}
      </details>
      {below.length > 0 && (
        <ul>
          {below.map((each) => (
            <Node key={each.id} fetch={each} children_={children_} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** What a fetch does, such as "entities Product {id} at orders.nodes.lines.product". */
function describe(fetch: PlanFetch): string {
  if (fetch.kind === 'entityFetch') {
    const targets = (fetch.entities ?? []).flatMap((entity) => entity.targets);
    return targets
      .map((target) => {
        const types = [...new Set(target.representations.map((each) => `${each.typename} {${(each.fields ?? []).map((field) => field.name).join(' ')}}`))];
        return `${types.join(' or ')} at ${pathText(target.path)}`;
      })
      .join('; ');
  }
  const at = fetch.path && fetch.path.length > 0 ? ` at ${pathText(fetch.path)}` : '';
  return (fetch.kind === 'subscription' ? 'subscription' : 'root fields') + at;
}

const pathText = (path: Segment[]): string => path.map((each) => each.storageKey + (each.types ? `(${each.types.join('|')})` : '')).join('.') || 'the root';
