import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Graph, GraphType, Info, SubgraphState, Usage } from '../api';
import { ago, count, decimal, duration, percent, plural, rate } from '../format';
import { route, useApi } from '../hooks';
import { Empty, Loaded, Subgraph, swatch } from '../ui';
import { LongList } from './list';
import { GraphMap } from './map';
import { buildModel, type Entry, type Model, mostListed, neighborhoodPicture, search, subgraphPicture, typesPicture } from './model';
import { Health } from './health';
import { kindName, TypeDetails } from './type';

/** The map of the graph. parts is the rest of the route: a type and a field, or a subgraph. */
export default function GraphView({ info, view, parts }: { info: Info; view: string; parts: string[] }) {
  const graph = useApi<Graph>('/graph', 0, info.supergraph.id);
  return (
    <Loaded of={graph} what="the graph">
      {(data) => ((data.types ?? []).length === 0 ? <Empty title="The graph has no types.">The router has not loaded a supergraph yet.</Empty> : <Explorer graph={data} view={view} parts={parts} />)}
    </Loaded>
  );
}

function Explorer({ graph, view, parts }: { graph: Graph; view: string; parts: string[] }) {
  const model = useMemo(() => buildModel(graph), [graph]);
  const usage = useApi<Usage>('/graph/usage', 15_000, graph.id);
  const states = useApi<{ subgraphs: SubgraphState[] }>('/subgraphs', 3000);
  const byName = useMemo(() => new Map((states.data?.subgraphs ?? []).map((each) => [each.name, each])), [states.data]);
  const typeName = view === 'graph' ? parts[0] : undefined;
  const subgraph = view === 'subgraph' ? parts[0] : undefined;
  const type = typeName === undefined ? undefined : model.types.get(typeName);
  const picture = useMemo(() => {
    if (type) return neighborhoodPicture(model, type.name);
    if (subgraph) return typesPicture(model, subgraph);
    return subgraphPicture(model);
  }, [model, type, subgraph]);
  const place = subgraph ?? typeName;
  const missing =
    typeName !== undefined && !type ? `There is no type ${typeName}.` : subgraph !== undefined && !model.graph.subgraphs.some((each) => each.name === subgraph) ? `There is no subgraph ${subgraph}.` : undefined;
  const label = type ? `Map of ${type.name} and the types around it` : subgraph ? `Map of the types of subgraph ${subgraph}` : 'Map of the subgraphs';
  return (
    <div class="graph">
      <Finder model={model} subgraph={subgraph} chosen={typeName} states={byName} />
      <section class="canvas">
        <header class="row between">
          <nav aria-label="Place on the map" class="crumbs">
            <a href="#/graph">All subgraphs</a>
            {place && (
              <span aria-current="page" title={place}>
                {place}
              </span>
            )}
          </nav>
          {!missing && picture.hidden > 0 && <span class="muted">{plural(picture.hidden, 'more type')} not drawn: use the search</span>}
        </header>
        {missing ? (
          <div class="map-missing">
            <Empty title={missing}>
              It may have gone with a new supergraph. <a href="#/graph">Show all subgraphs</a>
            </Empty>
          </div>
        ) : <GraphMap
          picture={picture}
          label={label}
          node={(id) => (picture.kind === 'subgraphs' ? <SubgraphNode model={model} name={id} state={byName.get(id)} /> : id === picture.focus && type ? <FocusNode type={type} /> : <TypeNode type={model.types.get(id)} />)}
        />}
      </section>
      {type && <TypeDetails model={model} type={type} usage={usage.data} field={parts[1]} />}
      {subgraph && !missing && <SubgraphDetails model={model} name={subgraph} state={byName.get(subgraph)} />}
    </div>
  );
}

/** The search, and below it what it finds or all types. */
function Finder({ model, subgraph, chosen, states }: { model: Model; subgraph: string | undefined; chosen: string | undefined; states: Map<string, SubgraphState> }) {
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  // Before the page is painted, so that the key works as soon as the search is visible.
  useLayoutEffect(() => {
    const slash = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || (event.target as Element).matches('input, textarea')) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', slash);
    return () => removeEventListener('keydown', slash);
  }, []);
  const rows = useMemo<Entry[]>(() => {
    if (query.trim() !== '') return search(model, query);
    return model.entries
      .filter((each) => each.kind === 'type' && (!subgraph || model.types.get(each.label)?.subgraphs.includes(subgraph)))
      .sort((a, b) => (a.text < b.text ? -1 : 1));
  }, [model, query, subgraph]);
  const go = (each: Entry) => {
    location.hash = route(...each.parts);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setActive(Math.min(rows.length - 1, active + 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(0, active - 1));
    else if (event.key === 'Enter') {
      const row = rows[Math.max(0, active)];
      if (row) go(row);
    } else if (event.key === 'Escape' && query !== '') {
      setQuery('');
      setActive(-1);
    } else return;
    event.preventDefault();
  };
  return (
    <aside class={`finder ${query.trim() !== '' ? 'searching' : subgraph || chosen ? 'quiet' : ''}`} aria-label="Search">
      <div class="search">
        <input
          ref={input}
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck={false}
          placeholder="Search types and fields"
          aria-label="Search types, fields and subgraphs"
          aria-expanded="true"
          aria-controls="found"
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? `found-${active}` : undefined}
          value={query}
          onInput={(event) => {
            setQuery(event.currentTarget.value.replace(/^\//, '')); // names have no slash
            setActive(-1);
          }}
          onKeyDown={keys}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      {query.trim() === '' && (
        <ul class="subgraphs" aria-label="Subgraphs">
          {model.graph.subgraphs.map((each) => {
            const state = states.get(each.name);
            return (
              <li key={each.name} class={each.name === subgraph ? 'chosen' : ''}>
                <Subgraph name={each.name} link />
                <Health state={state} short />
              </li>
            );
          })}
        </ul>
      )}
      <p class="muted list-head" role="status">
        {query.trim() === '' ? `${plural(rows.length, 'type')}${subgraph ? ` of ${subgraph}` : ''}` : rows.length === 0 ? `Nothing has “${query.trim()}” in its name.` : rows.length >= 200 ? 'The 200 best matches' : plural(rows.length, 'match', 'matches')}
      </p>
      <LongList
        id="found"
        label="Types"
        rows={rows}
        active={active}
        keys={keys}
        choose={go}
        selected={(each) => each.kind === 'type' && each.label === chosen}
        row={(each) => <Found model={model} entry={each} />}
      />
    </aside>
  );
}

function Found({ model, entry }: { model: Model; entry: Entry }) {
  const type = entry.kind === 'subgraph' ? undefined : model.types.get(entry.parts[1] ?? '');
  return (
    <>
      <span class="name" title={entry.label}>
        {entry.label}
      </span>
      <span class="muted">{entry.kind === 'subgraph' ? 'subgraph' : entry.kind === 'field' ? 'field' : type && type.kind !== 'OBJECT' ? kindName(type) : ''}</span>
      {type && entry.kind === 'type' && <Stripes names={type.subgraphs} />}
    </>
  );
}

const mostStripes = 6;

function Stripes({ names }: { names: string[] }) {
  return (
    <span class="stripes" title={names.join(', ')}>
      {names.slice(0, mostStripes).map((name) => (
        <i key={name} class={swatch(name)} />
      ))}
      {names.length > mostStripes && <span class="muted">+{names.length - mostStripes}</span>}
    </span>
  );
}

function SubgraphNode({ model, name, state }: { model: Model; name: string; state: SubgraphState | undefined }) {
  const facts = model.graph.subgraphs.find((each) => each.name === name);
  const bad = state !== undefined && (state.health === 'failing' || state.breaker === 'open');
  return (
    <a class={`subgraph-node ${bad ? 'bad' : ''}`} href={route('subgraph', name)} title={name}>
      <i class={swatch(name)} aria-hidden="true" />
      <span class="row between">
        <strong>{name}</strong>
        <Health state={state} short />
      </span>
      <span class="muted">
        {plural(facts?.types ?? 0, 'type')}, {plural(facts?.fields ?? 0, 'field')}
      </span>
      <span class="figures">
        <span>
          p95 <b>{duration(state?.requests_per_second ? state.p95 : null)}</b>
        </span>
        <span class={state && state.error_rate > 0 ? 'bad-text' : ''}>
          failing <b>{percent(state?.requests_per_second ? state.error_rate : null)}</b>
        </span>
      </span>
    </a>
  );
}

function TypeNode({ type }: { type: GraphType | undefined }) {
  if (!type) return null;
  return (
    <a class="type-node" href={route('graph', type.name)} title={`${type.name}: ${type.subgraphs.join(', ')}`}>
      <Stripes names={type.subgraphs} />
      <span class="name">{type.name}</span>
      {type.keys.length > 0 && <span class="key">key</span>}
    </a>
  );
}

/** The chosen type, with its first fields. */
function FocusNode({ type }: { type: GraphType }) {
  const rows = type.fields.length > 0 ? type.fields.map((field) => ({ name: field.name, type: field.type, subgraph: field.owner, deprecated: field.deprecated })) : type.values.map((value) => ({ name: value.name, type: '', subgraph: '', deprecated: value.deprecated }));
  return (
    <div class="focus-node">
      <span class="row between">
        <strong title={type.name}>{type.name}</strong>
        <span class="muted">{kindName(type)}</span>
      </span>
      <ul>
        {rows.slice(0, mostListed).map((row) => (
          <li key={row.name}>
            <i class={`swatch ${row.subgraph ? swatch(row.subgraph) : ''}`} aria-hidden="true" title={row.subgraph} />
            <span class={`name ${row.deprecated === null ? '' : 'struck'}`} title={row.deprecated === null ? row.name : `${row.name}, deprecated: ${row.deprecated}`}>
              {row.name}
            </span>
            <span class="muted" title={row.type}>
              {row.type}
            </span>
          </li>
        ))}
        {rows.length > mostListed && <li class="muted">and {rows.length - mostListed} more</li>}
      </ul>
    </div>
  );
}

const mostEntities = 60;

function SubgraphDetails({ model, name, state }: { model: Model; name: string; state: SubgraphState | undefined }) {
  const facts = model.graph.subgraphs.find((each) => each.name === name);
  const entities = useMemo(() => model.graph.types.filter((type) => type.keys.some((key) => key.subgraph === name && key.resolvable)), [model, name]);
  if (!facts) return null;
  return (
    <article class="details" aria-label={`Subgraph ${name}`}>
      <header>
        <h2 class="row" title={name}>
          <i class={`swatch ${swatch(name)}`} aria-hidden="true" />
          {name}
        </h2>
        <p class="row">
          <Health state={state} />
          <span class="muted">
            {plural(facts.types, 'type')}, {plural(facts.fields, 'field')}
          </span>
        </p>
        {state?.error && <p class="notice bad">{state.error}</p>}
      </header>
      <dl class="pairs">
        <dt>{state?.urls ? 'URLs' : 'URL'}</dt>
        <dd>
          {state?.urls?.map((each) => (
            <div key={each.url} class={each.health === 'failing' || each.breaker === 'open' ? 'bad-text' : ''} title={each.error ?? undefined}>
              <code>{each.url}</code> {each.breaker === 'open' ? 'circuit open' : each.health}
            </div>
          )) ?? <code>{facts.url}</code>}
        </dd>
        {state && (
          <>
            <dt>Circuit breaker</dt>
            <dd>{state.breaker === 'none' ? 'not configured' : state.breaker}</dd>
            {state.since && (
              <>
                <dt>Since</dt>
                <dd>{ago(state.since)}</dd>
              </>
            )}
            <dt>Requests</dt>
            <dd>{rate(state.requests_per_second)}</dd>
            <dt>Failing</dt>
            <dd class={state.error_rate > 0 ? 'bad-text' : ''}>{percent(state.error_rate)}</dd>
            <dt>Latency</dt>
            <dd>
              {state.requests_per_second > 0 ? `p50 ${duration(state.p50)}, p95 ${duration(state.p95)}, p99 ${duration(state.p99)}` : '–'}
            </dd>
            <dt>In flight</dt>
            <dd>{decimal(state.in_flight)}</dd>
          </>
        )}
      </dl>
      <section>
        <h3 class="row between">
          Entities <span class="muted">{count(entities.length)}</span>
        </h3>
        {entities.length === 0 && <p class="muted">The subgraph resolves no entities.</p>}
        <ul class="plain">
          {entities.slice(0, mostEntities).map((type) => (
            <li key={type.name} class="row between">
              <a href={route('graph', type.name)}>{type.name}</a>
              <code class="muted">{type.keys.filter((key) => key.subgraph === name).map((key) => key.fields).join(', ')}</code>
            </li>
          ))}
        </ul>
        {entities.length > mostEntities && <p class="muted">and {count(entities.length - mostEntities)} more</p>}
      </section>
    </article>
  );
}
