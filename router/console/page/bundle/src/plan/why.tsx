import type { PlanResult } from '../api';
import { count, duration, words } from '../format';
import { Badge } from '../ui';

const searches: Record<string, string> = {
  'not needed': 'The first plan already meets the lower bound, so no better one was searched for.',
  exact: 'Every alternative was considered: no plan is better.',
  incomplete: 'The search ended at its limit with the best plan until then.',
};

/** The candidates for each leaf of the operation, their costs, and the choice. */
export function Why({ explanation }: { explanation: PlanResult['explanation'] }) {
  if (!explanation) return <p class="muted">The router gave no explanation.</p>;
  const leaves = explanation.leaves ?? [];
  const open = leaves.filter((leaf) => (leaf.candidates ?? []).length > 1);
  const only = leaves.filter((leaf) => (leaf.candidates ?? []).length === 1);
  return (
    <div class="why">
      <p>{searches[explanation.search] ?? explanation.search}</p>
      <p class="muted">A request to a subgraph costs about 1,000 and a field 1. The planner compares the candidates by what they add to the plan.</p>
      {open.map((leaf, index) => (
        <Leaf key={`${leaf.path} ${index}`} leaf={leaf} />
      ))}
      {only.length > 0 && (
        <details open={open.length === 0}>
          <summary>
            {count(only.length)} {only.length === 1 ? 'leaf has' : 'leaves have'} one path only
          </summary>
          {only.map((leaf, index) => (
            <Leaf key={`${leaf.path} ${index}`} leaf={leaf} />
          ))}
        </details>
      )}
      {(explanation.stages ?? []).length > 0 && (
        <dl class="inline">
          {explanation.stages?.map((stage) => [<dt key={`${stage.name} name`}>{words(stage.name)}</dt>, <dd key={stage.name}>{duration(stage.duration)}</dd>])}
        </dl>
      )}
    </div>
  );
}

type LeafData = NonNullable<NonNullable<PlanResult['explanation']>['leaves']>[number];

function Leaf({ leaf }: { leaf: LeafData }) {
  return (
    <section class="leaf">
      <h3>
        <code>{leaf.path}</code>
        {leaf.needed_for && <small class="muted"> needed for {leaf.needed_for}</small>}
      </h3>
      <ul class="plain">
        {leaf.candidates.map((candidate, index) => (
          <li key={index} class={candidate.chosen ? 'chosen' : ''}>
            <code>{candidate.path}</code>
            <span class="row">
              <span class="muted">
                cost {count(candidate.cost)}
                {candidate.added != null && `, adds ${count(candidate.added)}`}
              </span>
              {candidate.chosen && <Badge tone="good">chosen</Badge>}
              {candidate.reason && <span class="muted">{candidate.reason}</span>}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
