import type { SubgraphState } from '../api';
import { rate } from '../format';
import { Badge } from '../ui';

/** The health of a subgraph in a word. short: its request rate while it is healthy. */
export function Health({ state, short }: { state: SubgraphState | undefined; short?: boolean }) {
  if (!state) return null;
  if (state.breaker === 'open') return <Badge tone="bad">circuit open</Badge>;
  if (state.health === 'failing') return <Badge tone="bad">failing</Badge>;
  if (state.breaker === 'half-open') return <Badge tone="warn">recovering</Badge>;
  if (state.health === 'unknown') return <Badge>idle</Badge>;
  return short ? <span class="muted">{rate(state.requests_per_second)}</span> : <Badge tone="good">healthy</Badge>;
}
