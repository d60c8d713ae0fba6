// How GraphiQL asks the gateway: queries and mutations over HTTP, with parts
// of @defer as they come, and subscriptions as server-sent events.
import { Kind, parse } from 'graphql';
import { meros } from 'meros/browser';

const single = 'application/graphql-response+json, application/json;q=0.9';

// GraphiQL notices a moment after the text of the editor has changed which
// operations it has. Until then its operation name and document are those of the
// text before, for example of another tab, so the text alone decides: it has an
// operation of that name, or only one operation, or the gateway rejects it.
function choose({ query, operationName }) {
  let operations;
  try {
    operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  } catch {
    return { operationName }; // the gateway reports the syntax error
  }
  const named = operations.find(({ name }) => name?.value === operationName);
  const chosen = named ?? (operations.length === 1 ? operations[0] : undefined);
  return { operationName: chosen?.name?.value, subscription: chosen?.operation === 'subscription' };
}

/** traced is called with the trace ID of each response but that of the schema. */
export const fetcher = (endpoint, traced) => async (params, options) => {
  const { operationName, subscription } = choose(params);
  const abort = new AbortController();
  const response = await fetch(endpoint, {
    method: 'POST',
    signal: abort.signal,
    headers: {
      'Content-Type': 'application/json',
      Accept: subscription ? `text/event-stream, ${single}` : `${single}, multipart/mixed`,
      ...options?.headers,
    },
    body: JSON.stringify({ ...params, operationName }),
  });
  const trace = response.headers.get('Souk-Trace-Id');
  if (trace && params.operationName !== 'IntrospectionQuery') traced(trace);
  const type = response.headers.get('Content-Type') ?? '';
  if (type.startsWith('text/event-stream')) return events(response.body, abort);
  if (type.startsWith('multipart/mixed')) return parts(await meros(response, { multiple: true }));
  return response.json();
};

async function* parts(list) {
  for await (const group of list) {
    const bodies = group.map((part) => {
      if (!part.json) throw new Error('The gateway sent a part that is not JSON.');
      return part.body;
    });
    yield bodies;
  }
}

// Server-sent events of the GraphQL over SSE protocol: next and complete.
async function* events(body, abort) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end < 0) {
        const { done, value } = await reader.read();
        if (done) return;
        text += value;
        continue;
      }
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const values = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
      const [event] = values('event');
      if (event === 'complete') return;
      if (event === 'next') yield JSON.parse(values('data').join('\n'));
    }
  } finally {
    abort.abort();
  }
}
