import { Subgraph } from '../ui';
import { Code } from './code';

/** The queries of a plan's fetches. */
export function Queries({ queries }: { queries: { fetch: number; subgraph: string; query: string }[] }) {
  if (queries.length === 0) return <p class="muted">No subgraph requests.</p>;
  return (
    <ul class="plain queries">
      {queries.map((each) => (
        <li key={each.fetch}>
          <p class="row">
            <span class="id">{each.fetch}</span>
            <Subgraph name={each.subgraph} link />
          </p>
          <Code text={each.query} label={`query of fetch ${each.fetch}`} />
        </li>
      ))}
    </ul>
  );
}
