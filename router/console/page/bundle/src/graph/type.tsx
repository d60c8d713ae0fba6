import { useMemo, useState } from 'preact/hooks';
import type { GraphField, GraphType, Usage } from '../api';
import { count, plural } from '../format';
import { route } from '../hooks';
import { Badge, Subgraph } from '../ui';
import { type Model, namedType } from './model';

const kinds: Record<GraphType['kind'], string> = { OBJECT: 'object', INTERFACE: 'interface', UNION: 'union', ENUM: 'enum', SCALAR: 'scalar', INPUT_OBJECT: 'input' };

export const kindName = (type: GraphType): string => kinds[type.kind];

/** Everything about one type: keys, fields with their resolvers, and use. */
export function TypeDetails({ model, type, usage, field }: { model: Model; type: GraphType; usage: Usage | undefined; field?: string }) {
  return (
    <article class="details" aria-label={`Type ${type.name}`}>
      <header>
        <h2 title={type.name}>{type.name}</h2>
        <p class="row">
          <Badge>{kindName(type)}</Badge>
          {type.subgraphs.map((name) => (
            <Subgraph key={name} name={name} link />
          ))}
        </p>
        {type.description && <p class="prose">{type.description}</p>}
        <Access of={type} />
        <Tags tags={type.tags} />
      </header>
      <Keys type={type} />
      <TypeLinks label="Implements" names={type.interfaces} />
      <TypeLinks label="Members" names={type.members} />
      {type.values.length > 0 && (
        <section>
          <h3>Values</h3>
          <ul class="plain">
            {type.values.map((value) => (
              <li key={value.name}>
                <code class={value.deprecated !== null ? 'struck' : ''}>{value.name}</code> {value.deprecated !== null && <Badge tone="warn">deprecated</Badge>} <span class="muted">{value.deprecated ?? value.description}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {field !== undefined && !type.fields.some((each) => each.name === field) && (
        <p class="notice" role="status">
          {type.name} has no field {field}.
        </p>
      )}
      {type.fields.length > 0 && <Fields key={type.name} type={type} usage={usage} chosen={field} />}
      <Referrers model={model} type={type} />
    </article>
  );
}

function Tags({ tags }: { tags: string[] | null | undefined }) {
  if (!tags || tags.length === 0) return null;
  return (
    <p class="row">
      {tags.map((tag) => (
        <Badge key={tag}>{`@tag ${tag}`}</Badge>
      ))}
    </p>
  );
}

/** What a caller needs to have. */
function Access({ of }: { of: Pick<GraphType, 'authenticated' | 'scopes' | 'policies'> }) {
  const anyOf = (lists: string[][] | null | undefined) => (lists ?? []).map((each) => each.join(' and ')).join(', or ');
  const needs = [of.authenticated && 'an access token', anyOf(of.scopes) && `the scopes ${anyOf(of.scopes)}`, anyOf(of.policies) && `the policies ${anyOf(of.policies)}`].filter(Boolean);
  return needs.length === 0 ? null : <p>Callers need {needs.join(', ')}.</p>;
}

function Keys({ type }: { type: GraphType }) {
  if (type.keys.length === 0) return null;
  const fields = [...new Set(type.keys.map((key) => key.fields))];
  return (
    <section>
      <h3>Keys</h3>
      <ul class="plain">
        {fields.map((each) => (
          <li key={each} class="row">
            <code>{each}</code>
            {type.keys
              .filter((key) => key.fields === each)
              .map((key) => (
                <span key={key.subgraph} class="row">
                  <Subgraph name={key.subgraph} />
                  {!key.resolvable && <Badge title="The subgraph refers to this entity and cannot resolve it.">reference only</Badge>}
                </span>
              ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function TypeLinks({ label, names }: { label: string; names: string[] }) {
  if (names.length === 0) return null;
  return (
    <section>
      <h3>{label}</h3>
      <p class="row">
        {names.map((name) => (
          <a key={name} href={route('graph', name)}>
            {name}
          </a>
        ))}
      </p>
    </section>
  );
}

const mostReferrers = 40;

function Referrers({ model, type }: { model: Model; type: GraphType }) {
  const names = [...(model.referrers.get(type.name) ?? [])].sort();
  if (names.length === 0) return null;
  return (
    <section>
      <h3>Referred to by</h3>
      <p class="row">
        {names.slice(0, mostReferrers).map((name) => (
          <a key={name} href={route('graph', name)}>
            {name}
          </a>
        ))}
        {names.length > mostReferrers && <span class="muted">and {names.length - mostReferrers} more</span>}
      </p>
    </section>
  );
}

const fieldsAtOnce = 60;

function Fields({ type, usage, chosen }: { type: GraphType; usage: Usage | undefined; chosen: string | undefined }) {
  const [filter, setFilter] = useState('');
  const [all, setAll] = useState(false);
  const found = useMemo(() => {
    const wanted = filter.toLowerCase();
    const matching = type.fields.filter((field) => field.name.toLowerCase().includes(wanted));
    const first = matching.find((field) => field.name === chosen);
    return first ? [first, ...matching.filter((field) => field !== first)] : matching;
  }, [type, filter, chosen]);
  const shown = all ? found : found.slice(0, fieldsAtOnce);
  return (
    <section>
      <h3 class="row between">
        {type.kind === 'INPUT_OBJECT' ? 'Input fields' : 'Fields'} <span class="muted">{count(type.fields.length)}</span>
      </h3>
      {type.fields.length > 20 && <input type="search" placeholder="Filter fields" aria-label="Filter fields" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />}
      <ul class="fields">
        {shown.map((field) => (
          <Field key={field.name} type={type} field={field} usage={usage} open={field.name === chosen} />
        ))}
      </ul>
      {found.length === 0 && <p class="muted">No field has “{filter}” in its name.</p>}
      {found.length > shown.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {count(found.length)}
        </button>
      )}
    </section>
  );
}

function Field({ type, field, usage, open }: { type: GraphType; field: GraphField; usage: Usage | undefined; open: boolean }) {
  const use = usage?.fields[`${type.name}.${field.name}`];
  const resolving = field.resolvers.filter((resolver) => resolver.resolves);
  const requires = field.resolvers.find((resolver) => resolver.requires);
  const override = field.resolvers.find((resolver) => resolver.override);
  return (
    <li>
      <details open={open}>
        <summary>
          <span class="field-name">
            <code class={field.deprecated !== null ? 'struck' : ''}>{field.name}</code>
            <span class="uses" title={use ? `${plural(use.requests, 'request')} in the last hour` : 'Not requested in the last hour'}>
              {use ? count(use.requests) : usage ? '–' : ''}
            </span>
          </span>
          <span class="field-facts">
            <code class="muted">{field.type}</code>
            {type.kind !== 'INPUT_OBJECT' && resolving.map((resolver) => <Subgraph key={resolver.subgraph} name={resolver.subgraph} />)}
            {field.deprecated !== null && <Badge tone="warn">deprecated</Badge>}
            {requires && <Badge tone="info">@requires</Badge>}
            {override && <Badge tone="info">@override</Badge>}
            {(field.authenticated || (field.scopes ?? []).length > 0 || (field.policies ?? []).length > 0) && <Badge tone="plain">restricted</Badge>}
          </span>
        </summary>
        <FieldFacts type={type} field={field} use={use} known={usage !== undefined} />
      </details>
    </li>
  );
}

function FieldFacts({ type, field, use, known }: { type: GraphType; field: GraphField; use: Usage['fields'][string] | undefined; known: boolean }) {
  return (
    <div class="facts">
      {field.description && <p class="prose">{field.description}</p>}
      {field.deprecated !== null && (
        <p>
          <Badge tone="warn">deprecated</Badge> {field.deprecated}
        </p>
      )}
      <dl>
        <dt>Type</dt>
        <dd>
          <a href={route('graph', namedType(field.type))}>
            <code>{field.type}</code>
          </a>
        </dd>
        {type.kind !== 'INPUT_OBJECT' && (
          <>
            <dt>Owner</dt>
            <dd>{field.owner || '–'}</dd>
            <dt>Last hour</dt>
            <dd>{!known ? '–' : use ? `${plural(use.requests, 'request')}${(use.clients ?? []).length > 0 ? `, from ${use.clients.map((name) => name || '(no name)').join(', ')}` : ''}` : 'not requested'}</dd>
          </>
        )}
      </dl>
      <Access of={field} />
      <Tags tags={field.tags} />
      {field.arguments.length > 0 && (
        <>
          <h4>Arguments</h4>
          <ul class="plain">
            {field.arguments.map((argument) => (
              <li key={argument.name}>
                <code class={argument.deprecated !== null ? 'struck' : ''}>
                  {argument.name}: {argument.type}
                  {argument.default !== null && ` = ${argument.default}`}
                </code>{' '}
                {argument.deprecated !== null && <Badge tone="warn">deprecated</Badge>}
              </li>
            ))}
          </ul>
        </>
      )}
      {type.kind !== 'INPUT_OBJECT' && <Resolvers field={field} />}
    </div>
  );
}

function Resolvers({ field }: { field: GraphField }) {
  return (
    <>
      <h4>Resolved by</h4>
      <ul class="plain">
        {field.resolvers.map((resolver) => (
          <li key={resolver.subgraph}>
            <span class="row">
              <Subgraph name={resolver.subgraph} />
              {resolver.external && <Badge title="The subgraph declares the field and does not resolve it.">@external</Badge>}
              {!resolver.external && !resolver.resolves && <Badge title="Another subgraph resolves the field instead.">overridden</Badge>}
              {resolver.interface && <Badge>{`on interface ${resolver.interface}`}</Badge>}
            </span>
            {resolver.requires && (
              <p class="indent">
                <code>@requires(fields: "{resolver.requires}")</code>
              </p>
            )}
            {resolver.provides && (
              <p class="indent">
                <code>@provides(fields: "{resolver.provides}")</code>
              </p>
            )}
            {resolver.override && (
              <p class="indent">
                overrides <strong>{resolver.override}</strong>
                {resolver.override_label && (
                  <>
                    {' '}
                    while <code>{resolver.override_label}</code> is active
                  </>
                )}
              </p>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
