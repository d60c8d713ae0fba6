// The console's JSON API, as docs/console.md describes it. Durations are in seconds,
// sizes in bytes and times in RFC 3339.

export interface Info {
  version: string;
  dev: boolean;
  started: string;
  now: string;
  replica: string;
  supergraph: { id: string; loaded: string };
  graphql_url: string;
  playground_url: string | null;
  features: { events: boolean; replicas: boolean; canary?: boolean };
}

export interface Graph {
  id: string;
  subgraphs: { name: string; url: string; types: number; fields: number }[];
  types: GraphType[];
}

export interface GraphType {
  name: string;
  kind: 'OBJECT' | 'INTERFACE' | 'UNION' | 'ENUM' | 'SCALAR' | 'INPUT_OBJECT';
  description: string;
  subgraphs: string[];
  owner?: string;
  tags?: string[] | null;
  authenticated?: boolean;
  scopes?: string[][] | null;
  policies?: string[][] | null;
  keys: { subgraph: string; fields: string; resolvable: boolean }[];
  interfaces: string[];
  members: string[];
  values: { name: string; description: string; deprecated: string | null }[];
  fields: GraphField[];
}

export interface GraphField {
  name: string;
  type: string;
  description: string;
  deprecated: string | null;
  owner: string;
  tags?: string[] | null;
  arguments: { name: string; type: string; default: string | null; deprecated: string | null }[];
  resolvers: Resolver[];
  authenticated: boolean;
  scopes: string[][];
  policies: string[][];
}

export interface Resolver {
  subgraph: string;
  /** false if the field is external there, or overridden by another subgraph. */
  resolves: boolean;
  /** The interface that the subgraph resolves the field on (@interfaceObject). */
  interface?: string | null;
  external: boolean;
  requires: string | null;
  provides: string | null;
  override: string | null;
  override_label: string | null;
}

export interface Usage {
  window: number;
  fields: Record<string, { requests: number; clients: string[] }>;
}

export interface SubgraphState {
  name: string;
  url: string;
  /** All URLs, if there are several. */
  urls?: { url: string; health: SubgraphState['health']; breaker: SubgraphState['breaker']; error: string | null }[];
  health: 'ok' | 'failing' | 'unknown';
  breaker: 'closed' | 'open' | 'half-open' | 'none';
  error: string | null;
  since: string | null;
  requests_per_second: number;
  error_rate: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  in_flight: number;
  retries?: number;
  /** Fetches that used the response of an identical request in progress. */
  shared?: number;
  /** Fetches for which nothing was sent. */
  refused?: number;
}

export interface Traffic {
  window: number;
  step: number;
  times: number[];
  requests: (number | null)[];
  errors: (number | null)[];
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
  in_flight: (number | null)[];
  subscriptions: (number | null)[];
  cache_hit_rate: (number | null)[];
  shed: (number | null)[];
  totals: {
    requests: number;
    errors: number;
    requests_per_second: number;
    p50: number | null;
    p95: number | null;
    p99: number | null;
    in_flight: number;
    subscriptions: number;
    cache_hit_rate: number | null;
  };
}

export interface OperationRow {
  hash: string;
  name: string;
  kind: string;
  requests: number;
  requests_per_second: number;
  errors: number;
  error_rate: number;
  in_flight?: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  total_time: number;
  fetches_per_request: number;
  cache_hit_rate: number | null;
  cost: { estimated: number | null; actual: number | null } | null;
  deprecated_fields: string[] | null;
  document: string;
  traces: { latest: string | null; slowest: string | null; failing: string | null };
}

export interface Operations {
  operations: OperationRow[];
  other: { requests: number };
}

export interface ClientRow {
  name: string;
  version: string;
  requests: number;
  requests_per_second: number;
  errors: number;
  in_flight?: number;
  p50?: number | null;
  p95: number | null;
  p99?: number | null;
}

export interface ErrorRow {
  code: string;
  count: number;
  last: string;
  message: string;
  subgraph: string | null;
  trace: string | null;
}

export interface LimitRow {
  name: string;
  configured: number | null;
  hits: number;
  last: string | null;
  highest: number;
}

export interface MemoryCache {
  entries: number;
  bytes: number;
  max_bytes: number;
  hits: number;
  misses: number;
}

export interface EntityCache {
  enabled: boolean;
  hits: number;
  misses: number;
  hit_rate: number | null;
  by_type: { type: string; subgraph: string; hits: number; misses: number }[] | null;
  invalidations: { time: string; subgraph: string | null; type: string | null; key: string | null; reason: string; count: number }[] | null;
}

/** Every member but `entity` is an in-process cache. */
export type Caches = { entity: EntityCache } & Record<string, MemoryCache | EntityCache>;

export interface Subscriptions {
  open: number;
  by_operation: { hash?: string; name: string; clients: number; upstreams: number }[] | null;
  carriers: Record<string, number>;
}

export interface Reload {
  time: string;
  kind: 'supergraph' | 'configuration';
  outcome: 'applied' | 'refused' | 'unchanged';
  reason: string | null;
  duration: number;
  /** How many changes are not listed. */
  more?: number;
  changes: { kind: 'added' | 'removed' | 'changed'; what: string; detail: string }[] | null;
}

export interface TraceError {
  message: string;
  code: string;
  path: (string | number)[] | null;
}

export interface TraceSummary {
  id: string;
  time: string;
  operation: { name: string; hash: string; kind: string };
  client: { name: string; version: string };
  duration: number;
  status: number;
  errors: TraceError[] | null;
  fetches: number;
}

export interface TraceFetch {
  id: number;
  subgraph: string;
  start: number;
  duration: number;
  status: number;
  sent: number;
  received: number;
  representations: number;
  entities: number;
  found: number;
  outcome: 'hit' | 'miss' | 'partial' | 'none' | 'shared';
  retries: number;
  error: string | null;
  query: string;
  critical: boolean;
}

export interface Limit {
  name: string;
  used: number;
  limit: number;
}

export interface Stage {
  name: string;
  start?: number;
  duration: number;
}

export interface Trace {
  id: string;
  time: string;
  carrier: string;
  operation: { name: string; hash: string; kind: string; document: string; variables: unknown };
  client: { name: string; version: string };
  duration: number;
  status: number;
  errors: TraceError[] | null;
  stages: Stage[] | null;
  plan: Plan | null;
  plan_text: string;
  /** Why there is no plan. */
  plan_error?: string | null;
  fetches: TraceFetch[] | null;
  cost: Cost | null;
  limits: Limit[] | null;
}

/** Each is null if it is not known, or not limited. */
export interface Cost {
  estimated: number | null;
  actual?: number | null;
  max: number | null;
}

/** The JSON form of a plan, version 1 (docs/query-plans.md), as far as it is shown. */
export interface Plan {
  version: number;
  kind: string;
  fetches: PlanFetch[];
}

export interface PlanFetch {
  id: number;
  kind: 'fetch' | 'entityFetch' | 'subscription';
  subgraph: string;
  dependsOn?: number[];
  query?: string;
  path?: Segment[];
  entities?: { targets: { path: Segment[]; representations: { typename: string; fields?: { name: string }[] }[] }[] }[];
  fallbackFor?: number;
  deferID?: number;
}

export interface Segment {
  storageKey: string;
  types?: string[];
}

export interface PlanResult {
  plan: Plan;
  text: string;
  explanation: {
    leaves: { path: string; needed_for?: string | null; candidates: { path: string; cost: number; added?: number | null; chosen: boolean; reason?: string }[] }[] | null;
    stages: Stage[] | null;
    search: string;
  } | null;
  queries: { fetch: number; subgraph: string; query: string }[] | null;
  cost: Cost | null;
  limits: Limit[] | null;
}

/** The response of the GraphQL endpoint to an operation that the console has run. */
export interface RunResult {
  status: number;
  content_type: string;
  duration: number;
  trace: string | null;
  /** If it is cut, the first megabyte; bytes is the size of all of it. */
  body: string;
  bytes: number;
  cut: boolean;
  /** What the response cache did for each entity and root fetch, and how many are left out. */
  cache: CacheEntry[];
  cache_omitted: number;
}

export interface CacheEntry {
  fetch: number;
  subgraph: string;
  type: string;
  /** The fields of a root fetch. */
  fields: string[];
  /** The representation of an entity as JSON, perhaps cut. */
  key: string;
  result: 'local' | 'redis' | 'miss' | 'stale' | 'expired' | 'corrupt' | 'unavailable' | 'none';
  /** In seconds. */
  age: number;
  ttl: number;
  tags: string[];
  stored: boolean;
  /** Why it was not looked up, or not stored. */
  reason: string;
}

export interface Events {
  time: string;
  /** Why there is no report since time. */
  error: string | null;
  outbox: Outbox[] | null;
  /** What is null is unknown, since no service that knows it reports. */
  streams: Stream[] | null;
  dead: DeadLetter[] | null;
  orders: { by_state: Record<string, number> | null } | null;
  history: { times: number[] | null; outbox_lag: (number | null)[] | null } | null;
}

export interface Stream {
  name: string;
  length: number;
  groups: { name: string; lag: number; pending: number; consumers: number }[] | null;
}

export interface Outbox {
  service: string;
  /** Figures are null if they are unknown. */
  pending: number | null;
  oldest_age: number | null;
  published_per_second: number | null;
  /** Why the service does not report. */
  error: string | null;
  /** Why figures are unknown although the service reports. */
  reason?: string | null;
}

export interface DeadLetter {
  service: string;
  stream: string;
  id: string;
  type: string;
  event_id?: string;
  subject?: string;
  group?: string;
  attempts: number;
  error: string;
  time: string;
  payload: unknown;
}

export interface Replicas {
  replicas: { name: string; requests_per_second: number; error_rate: number; p99: number | null; resident_bytes: number }[] | null;
  error: string | null;
}

/** A second variant of the router. */
export interface Canary {
  mode: string;
  percent: number;
  by: string;
  header?: string;
  router: CanaryVariant;
  canary: CanaryVariant;
  subgraph_urls: Record<string, string[]> | null;
  /** Copies by result; null without copies. */
  shadow: Record<string, number> | null;
  differences: { time: string; count: number; paths: string[] }[] | null;
}

export interface CanaryVariant {
  name: string;
  supergraph: string;
  source: string;
  loaded: string;
  operations: Record<string, number>;
  mean_duration: number | null;
  failing: string[] | null;
}

/** Why a request to the API failed. */
export class Failure extends Error {
  constructor(
    /** offline: no response; token: 401; response: any other status of an error. */
    readonly kind: 'offline' | 'token' | 'response',
    message: string,
    readonly status = 0,
    /** The body of the response, if it is JSON. */
    readonly body: unknown = undefined,
    /** How long the router asks to wait, in milliseconds. */
    readonly wait = 0,
    /** What the router says about it. */
    readonly why: string | undefined = undefined,
  ) {
    super(message);
  }

  /** Reports whether the same request may succeed later. */
  get passing(): boolean {
    return this.kind === 'offline' || this.status === 429 || this.status >= 500;
  }
}

const tokenKey = 'souk-console-token';

export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? '',
  set: (value: string) => (value === '' ? sessionStorage.removeItem(tokenKey) : sessionStorage.setItem(tokenKey, value)),
};

/** How long a request may take before it counts as failed, in milliseconds. */
const patience = 20_000;

/** Sends a request to the API and returns the JSON of its response. */
export async function call<T>(path: string, options: { method?: string; body?: unknown; signal?: AbortSignal; base?: string; timeout?: number } = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (token.get() !== '') headers.Authorization = `Bearer ${token.get()}`;
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(`${options.base ?? ''}api${path}`, {
      method: options.method ?? 'GET',
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: AbortSignal.any([AbortSignal.timeout(options.timeout ?? patience), ...(options.signal ? [options.signal] : [])]),
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new Failure('offline', 'The router does not respond.');
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as T;
  const problem = body as { detail?: string; title?: string } | undefined;
  const why = problem?.detail ?? problem?.title;
  const message = why ?? `The router responded with status ${response.status}.`;
  const wait = Number(response.headers.get('Retry-After') ?? 0) * 1000;
  throw new Failure(response.status === 401 ? 'token' : 'response', message, response.status, body, Number.isFinite(wait) ? wait : 0, why);
}
