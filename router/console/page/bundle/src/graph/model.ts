// What the views of the graph derive from it once: indexes, references between types and
// links between subgraphs.
import type { Graph, GraphType } from '../api';

export interface Model {
  graph: Graph;
  types: Map<string, GraphType>;
  /** For each type, the types that its fields return or that implement or belong to it. */
  references: Map<string, Set<string>>;
  /** The reverse of references. */
  referrers: Map<string, Set<string>>;
  links: Link[];
  entries: Entry[];
}

/** Two subgraphs and the entities for which the router can go from one on to the other. */
export interface Link {
  from: string;
  to: string;
  entities: string[];
  /** The router can also go from `to` to `from`. */
  both: boolean;
}

/** A type, field or subgraph that the search finds. */
export interface Entry {
  kind: 'type' | 'field' | 'subgraph';
  label: string;
  /** In lower case. */
  text: string;
  /** In lower case: the part of the text that counts most, such as a field's name. */
  name: string;
  parts: string[];
}

const composite = new Set(['OBJECT', 'INTERFACE', 'UNION']);

export const isComposite = (type: GraphType | undefined): boolean => type !== undefined && composite.has(type.kind);

/** The named type in a type reference such as "[Order!]!". */
export const namedType = (reference: string): string => reference.replace(/[[\]!]/g, '');

/** Replaces absent lists, which the API has as null, by empty ones. */
function complete(graph: Graph): Graph {
  const types = (graph.types ?? []).map((type) => ({
    ...type,
    subgraphs: type.subgraphs ?? [],
    keys: type.keys ?? [],
    interfaces: type.interfaces ?? [],
    members: type.members ?? [],
    values: type.values ?? [],
    fields: (type.fields ?? []).map((field) => ({ ...field, arguments: field.arguments ?? [], resolvers: field.resolvers ?? [] })),
  }));
  return { ...graph, subgraphs: graph.subgraphs ?? [], types };
}

export function buildModel(given: Graph): Model {
  const graph = complete(given);
  const types = new Map(graph.types.map((type) => [type.name, type]));
  const references = new Map<string, Set<string>>();
  const referrers = new Map<string, Set<string>>();
  const add = (from: string, to: string) => {
    if (from === to || !types.has(to)) return;
    entry(references, from).add(to);
    entry(referrers, to).add(from);
  };
  for (const type of graph.types) {
    for (const field of type.fields) add(type.name, namedType(field.type));
    for (const member of type.members) add(type.name, member);
    for (const name of type.interfaces) add(name, type.name);
  }
  return { graph, types, references, referrers, links: linksOf(graph), entries: entriesOf(graph) };
}

function entry(map: Map<string, Set<string>>, key: string): Set<string> {
  let set = map.get(key);
  if (!set) map.set(key, (set = new Set()));
  return set;
}

/** Links from each subgraph that has an entity to those that resolve more of its fields by a key. */
function linksOf(graph: Graph): Link[] {
  const links = new Map<string, { from: string; to: string; entities: string[] }>();
  const add = (from: string, to: string, entity: string) => {
    const key = `${from} ${to}`;
    const link = links.get(key) ?? { from, to, entities: [] };
    link.entities.push(entity);
    links.set(key, link);
  };
  for (const type of graph.types) {
    if (type.keys.length === 0) continue;
    const resolving = [...new Set(type.keys.filter((key) => key.resolvable).map((key) => key.subgraph))];
    const fields = resolvedFields(type);
    for (const from of type.subgraphs) {
      const own = fields.get(from);
      for (const to of resolving) {
        if (from === to || ![...(fields.get(to) ?? [])].some((field) => !own?.has(field))) continue;
        add(from, to, type.name);
      }
    }
  }
  const pairs: Link[] = [];
  for (const link of links.values()) {
    const back = links.get(`${link.to} ${link.from}`);
    if (!back) pairs.push({ ...link, entities: [...link.entities], both: false });
    else if (link.from < link.to) pairs.push({ ...link, entities: [...new Set([...link.entities, ...back.entities])], both: true });
  }
  return pairs.sort((a, b) => b.entities.length - a.entities.length);
}

/** The fields of an entity that each subgraph resolves. */
function resolvedFields(type: GraphType): Map<string, Set<string>> {
  const fields = new Map<string, Set<string>>();
  for (const field of type.fields) {
    for (const resolver of field.resolvers) {
      if (resolver.resolves) entry(fields, resolver.subgraph).add(field.name);
    }
  }
  return fields;
}

function entriesOf(graph: Graph): Entry[] {
  const entries: Entry[] = [];
  const add = (kind: Entry['kind'], label: string, name: string, parts: string[]) =>
    entries.push({ kind, label, text: label.toLowerCase(), name: name.toLowerCase(), parts });
  for (const subgraph of graph.subgraphs) add('subgraph', subgraph.name, subgraph.name, ['subgraph', subgraph.name]);
  for (const type of graph.types) add('type', type.name, type.name, ['graph', type.name]);
  for (const type of graph.types) {
    for (const field of type.fields) add('field', `${type.name}.${field.name}`, field.name, ['graph', type.name, field.name]);
  }
  return entries;
}

const mostFound = 200;

/** The entries that match a query, the best first: exact names, then prefixes, then the rest. */
export function search(model: Model, query: string): Entry[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return [];
  const ranks: Entry[][] = [[], [], []];
  for (const each of model.entries) {
    if (!each.text.includes(wanted)) continue;
    const rank = each.name === wanted || each.text === wanted ? 0 : each.name.startsWith(wanted) || each.text.startsWith(wanted) ? 1 : 2;
    if ((ranks[rank]?.length ?? 0) < mostFound) ranks[rank]?.push(each);
  }
  return ranks.flat().slice(0, mostFound);
}

/** The most types that the map shows at once. */
export const mostShown = 100;

export interface MapNode {
  id: string;
  width: number;
  height: number;
}

export interface Picture {
  kind: 'subgraphs' | 'types' | 'neighborhood';
  nodes: MapNode[];
  /** both: the edge has an arrowhead at each end. */
  edges: { from: string; to: string; both?: boolean; weight: number; title: string; label?: string }[];
  /** What an arrow means. */
  legend: string;
  /** How many types are left out. */
  hidden: number;
  focus?: string;
}

/** The most edges with labels. More would push the subgraphs far apart. */
const mostLabels = 20;

/** What an arrow between types means. */
const referenceLegend = 'An arrow points to a type that fields return, a member or an implementation.';

/** The overview: subgraphs, linked by the entities that several resolve. */
export function subgraphPicture(model: Model): Picture {
  const perSubgraph = new Map<string, number>();
  const few = model.graph.subgraphs.length <= 12;
  // In a large graph nearly every pair shares an entity; the strongest links say more.
  const links = model.links.filter((link) => {
    const most = Math.max(perSubgraph.get(link.from) ?? 0, perSubgraph.get(link.to) ?? 0);
    if (!few && most >= 2) return false;
    perSubgraph.set(link.from, (perSubgraph.get(link.from) ?? 0) + 1);
    perSubgraph.set(link.to, (perSubgraph.get(link.to) ?? 0) + 1);
    return true;
  });
  const labeled = few && links.length <= mostLabels;
  return {
    kind: 'subgraphs',
    nodes: model.graph.subgraphs.map((subgraph) => ({ id: subgraph.name, width: 224, height: 96 })),
    edges: links.map((link) => ({ from: link.from, to: link.to, both: link.both, weight: link.entities.length, title: `${link.from} ${link.both ? '↔' : '→'} ${link.to}: ${link.entities.slice(0, 20).join(', ')}`, label: labeled ? some(link.entities) : undefined })),
    hidden: 0,
    legend: `An arrow points to the subgraph that resolves more fields of an entity${labeled ? ', whose name is on the line' : ''}.${links.length < model.links.length ? ' Only the strongest links are drawn.' : ''}`,
  };
}

/** The first names of a list that fit on an edge. */
function some(names: string[]): string {
  const shown: string[] = [];
  for (const name of names) {
    if (shown.length > 0 && [...shown, name].join(', ').length > 24) break;
    shown.push(name.length > 24 ? `${name.slice(0, 22)}…` : name);
  }
  return shown.join(', ') + (shown.length < names.length ? ` +${names.length - shown.length}` : '');
}

const typeNode = (id: string): MapNode => ({ id, width: 190, height: 34 });

/** The composite types of a subgraph. If there are too many, those with most references. */
export function typesPicture(model: Model, subgraph: string): Picture {
  const all = model.graph.types.filter((type) => isComposite(type) && type.subgraphs.includes(subgraph)).map((type) => type.name);
  const degree = (name: string) => (model.references.get(name)?.size ?? 0) + (model.referrers.get(name)?.size ?? 0);
  const shown = all.length <= mostShown ? all : [...all].sort((a, b) => degree(b) - degree(a)).slice(0, mostShown);
  return { kind: 'types', nodes: shown.map(typeNode), edges: edgesAmong(model, shown, 300), hidden: all.length - shown.length, legend: referenceLegend };
}

/** The fields that a type's node lists. */
export const mostListed = 14;

const mostNeighbors = 16;

/** A type with the types it refers to and those that refer to it. */
export function neighborhoodPicture(model: Model, name: string): Picture {
  const type = model.types.get(name);
  const relevant = (each: string) => isComposite(model.types.get(each)) || !isComposite(type);
  const after = [...(model.references.get(name) ?? [])].filter(relevant);
  const before = [...(model.referrers.get(name) ?? [])].filter((each) => !after.includes(each) && relevant(each));
  const shown = [...new Set([...before.slice(0, mostNeighbors), ...after.slice(0, mostNeighbors)])];
  const rows = Math.min(mostListed, Math.max(type?.fields.length ?? 0, type?.values.length ?? 0));
  const more = Math.max(type?.fields.length ?? 0, type?.values.length ?? 0) > mostListed ? 1 : 0;
  const center: MapNode = { id: name, width: 280, height: 52 + (rows + more) * 22 };
  const edges = shown.flatMap((each) => {
    const out = after.includes(each);
    return [{ from: out ? name : each, to: out ? each : name, weight: 1, title: out ? `${name} → ${each}` : `${each} → ${name}` }];
  });
  return { kind: 'neighborhood', nodes: [center, ...shown.map(typeNode)], edges, hidden: before.length + after.length - shown.length, focus: name, legend: referenceLegend };
}

function edgesAmong(model: Model, names: string[], most: number): Picture['edges'] {
  const among = new Set(names);
  const edges: Picture['edges'] = [];
  for (const from of names) {
    for (const to of model.references.get(from) ?? []) {
      if (among.has(to)) edges.push({ from, to, weight: 1, title: `${from} → ${to}` });
      if (edges.length >= most) return edges;
    }
  }
  return edges;
}
