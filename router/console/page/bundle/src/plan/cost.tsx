import type { Cost, Limit } from '../api';
import { count, percent, words } from '../format';
import { Badge, Meter } from '../ui';

/** Estimated and actual cost, and how near the operation came to each limit. */
export function Costs({ cost, limits }: { cost: Cost | null; limits: Limit[] | null }) {
  const sorted = [...(limits ?? [])].filter((each) => each.limit > 0).sort((a, b) => b.used / b.limit - a.used / a.limit);
  return (
    <div class="costs">
      {cost && cost.estimated !== null && (
        <dl class="figures-row">
          <div class="figure">
            <dt>Estimated cost</dt>
            <dd>{count(cost.estimated)}</dd>
          </div>
          {cost.actual != null && (
            <div class="figure">
              <dt>Actual cost</dt>
              <dd>
                {count(cost.actual)}
                {cost.estimated > 0 && <small>{percent(cost.actual / cost.estimated)} of the estimate</small>}
              </dd>
            </div>
          )}
          <div class="figure">
            <dt>Most allowed</dt>
            <dd>{cost.max === null ? 'no limit' : count(cost.max)}</dd>
          </div>
        </dl>
      )}
      {sorted.length > 0 && (
        <table class="limits">
          <caption>Limits, the nearest first</caption>
          <thead>
            <tr>
              <th scope="col">Limit</th>
              <th scope="col" class="number">Used</th>
              <th scope="col" class="number">Allowed</th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((each) => (
              <tr key={each.name}>
                <th scope="row">
                  {words(each.name)} {each.used / each.limit >= 0.8 && <Badge tone={each.used >= each.limit ? 'bad' : 'warn'}>{each.used >= each.limit ? 'reached' : 'near'}</Badge>}
                </th>
                <td class="number">{count(each.used)}</td>
                <td class="number">{count(each.limit)}</td>
                <td>
                  <Meter used={each.used} limit={each.limit} label={words(each.name)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {cost?.estimated == null && sorted.length === 0 && <p class="muted">No cost limit and no other limit is configured.</p>}
    </div>
  );
}
