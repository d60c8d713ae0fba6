import { call, Failure, type Trace } from '../api';

/** When to ask again for a trace that is not there yet, in milliseconds. */
const attempts = [0, 150, 400, 1000, 2000];

/** Reads the trace of a response; undefined if the router keeps none of it. */
export async function readTrace(id: string, options: { base?: string; signal?: AbortSignal } = {}): Promise<Trace | undefined> {
  for (const delay of attempts) {
    await new Promise((resolve) => setTimeout(resolve, delay));
    options.signal?.throwIfAborted();
    try {
      return await call<Trace>(`/traces/${encodeURIComponent(id)}`, options);
    } catch (cause) {
      if (!(cause instanceof Failure) || cause.status !== 404) throw cause;
    }
  }
  return undefined;
}
