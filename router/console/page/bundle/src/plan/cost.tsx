import type { Cost, Limit } from '../api';
import { exact, percent, words } from '../format';
import { Table } from '../table';
import { Badge, Meter } from '../ui';

/** Reports whether an operation is estimated to cost more than is allowed. */
export const overLimit = (cost: Cost | null): boolean => cost?.estimated != null && cost.max !== null && cost.estimated > cost.max;

/** Estimated and actual cost, and how near the operation came to each limit. */
export function Costs({ cost, limits }: { cost: Cost | null; limits: Limit[] | null }) {
  const sorted = [...(limits ?? [])].filter((each) => each.limit > 0).sort((a, b) => b.used / b.limit - a.used / a.limit);
  return (
    <div class="costs">
      {cost && cost.estimated !== null && (
        <dl class="figures-row">
          <div class="figure">
            <dt>Estimated cost</dt>
            <dd class={overLimit(cost) ? 'bad' : ''}>
              {exact(cost.estimated)}
              {overLimit(cost) && <small>{exact(cost.estimated - (cost.max ?? 0))} over the limit</small>}
            </dd>
          </div>
          {cost.actual != null && (
            <div class="figure">
              <dt>Actual cost</dt>
              <dd class={cost.actual > cost.estimated ? 'warn' : ''}>
                {exact(cost.actual)}
                {cost.estimated > 0 && <small>{percent(cost.actual / cost.estimated)} of the estimate</small>}
              </dd>
            </div>
          )}
          <div class="figure">
            <dt>Most allowed</dt>
            <dd>{cost.max === null ? 'no limit' : exact(cost.max)}</dd>
          </div>
        </dl>
      )}
      {cost && cost.estimated !== null && (
        <p class="muted">
          The estimate is made before the operation runs, and compared with the most allowed. The actual cost is that of the objects in the response.
          {cost.actual != null && cost.actual > cost.estimated && ' It is above the estimate: a list was longer than @listSize or the default says.'}
        </p>
      )}
      {sorted.length > 0 && (
        <div class="limits">
        <Table<Limit>
          caption="Limits, the nearest first"
          rows={sorted}
          id={(each) => each.name}
          empty={null}
          columns={[
            { key: 'name', label: 'Limit', grow: true, cell: (each) => <>{words(each.name)} {each.used / each.limit >= 0.8 && <Badge tone={each.used >= each.limit ? 'bad' : 'warn'}>{each.used > each.limit ? 'exceeded' : each.used === each.limit ? 'reached' : 'near'}</Badge>}</> },
            { key: 'used', label: 'Used', number: true, cell: (each) => <span class={each.used > each.limit ? 'bad-text' : ''}>{exact(each.used)}</span> },
            { key: 'allowed', label: 'Allowed', number: true, cell: (each) => exact(each.limit) },
            { key: 'share', label: 'Share', cell: (each) => <Meter used={each.used} limit={each.limit} label={words(each.name)} /> },
          ]}
        />
        </div>
      )}
      {cost?.estimated == null && sorted.length === 0 && <p class="muted">No cost limit and no other limit is configured.</p>}
    </div>
  );
}
