// Sends GraphQL operations and REST requests, and checks the data of the
// responses, not only their status.
import http from 'k6/http';
import { check, fail } from 'k6';
import { Rate, Trend } from 'k6/metrics';

export const gateway = (__ENV.GATEWAY_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');

// TOKEN is the access token, unless a script logs in itself.
const token = __ENV.TOKEN ? { Authorization: `Bearer ${__ENV.TOKEN}` } : {};

// Each virtual user has an address of its own, in the network for benchmarks (RFC 2544),
// since the router limits the rate of each. A router that does not trust its peer
// ignores it.
const caller = () => ({ ...token, 'X-Forwarded-For': `198.18.${(__VU >> 8) & 255}.${__VU & 255}` });

// graphql_errors is the share of operations with errors, operation_duration the
// duration of each operation in ms, by name.
const graphqlErrors = new Rate('graphql_errors');
const operationDuration = new Trend('operation_duration', true);

/** Runs an operation. Returns its data, or null after a failed check. */
export function graphql(operationName, query, variables = {}, params = {}) {
  const res = http.post(`${gateway}/graphql`, JSON.stringify({ operationName, query, variables }), {
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json', 'GraphQL-Client-Name': 'k6', ...caller(), ...params.headers },
    tags: { name: operationName },
  });
  operationDuration.add(res.timings.duration, { operation: operationName });
  const body = parse(res);
  const good = check(
    res,
    {
      'status is 200': (r) => r.status === 200,
      'no GraphQL errors': () => body !== null && !body.errors,
      'has data': () => body !== null && body.data !== null && body.data !== undefined,
    },
    { operation: operationName },
  );
  graphqlErrors.add(!good, { operation: operationName });
  if (!good) {
    console.error(`${operationName}: ${res.status} ${String(res.body).slice(0, 300)}`);
    return null;
  }
  return body.data;
}

/** Sends a REST request. Returns the response with its parsed body in `data`. */
export function rest(method, path, body, expected, params = {}) {
  const res = http.request(method, `${gateway}${path}`, body === null ? null : JSON.stringify(body), {
    headers: { ...(body === null ? {} : { 'Content-Type': 'application/json' }), ...caller(), ...params.headers },
    tags: { name: `${method} ${params.route || path}` },
    responseCallback: http.expectedStatuses(expected),
  });
  check(res, { [`${method} ${params.route || path} answers ${expected}`]: (r) => r.status === expected });
  return { status: res.status, headers: res.headers, data: parse(res) };
}

/** Fails the iteration unless the condition holds. */
export function must(condition, what) {
  if (!check(condition, { [what]: (c) => Boolean(c) })) {
    fail(what);
  }
}

function parse(res) {
  try {
    return JSON.parse(res.body);
  } catch {
    return null;
  }
}
