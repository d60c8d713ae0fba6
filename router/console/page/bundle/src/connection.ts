// What the page knows of its connection: which requests for its data fail at the moment, and
// when the router responds again.
import { useEffect, useState } from 'preact/hooks';
import type { Failure } from './api';

const failing = new Map<object, Failure>();
const changes = new EventTarget();

/** Notes that the data of reader could be read, or that they could not. */
export function note(reader: object, failure: Failure | undefined) {
  const before = failing.get(reader);
  if (before === failure) return;
  if (failure) failing.set(reader, failure);
  else failing.delete(reader);
  changes.dispatchEvent(new Event('change'));
  // Whatever else has failed need not wait for its turn.
  if (before && !failure) changes.dispatchEvent(new Event('recovery'));
}

/** Notes that reader is gone. */
export function forget(reader: object) {
  if (failing.delete(reader)) changes.dispatchEvent(new Event('change'));
}

/** Calls back when the router responds to a request that has failed before; returns how to stop. */
export function onRecovery(call: () => void): () => void {
  changes.addEventListener('recovery', call);
  return () => changes.removeEventListener('recovery', call);
}

/** The failure that says most about the connection: no response, else a rejected or failed request. */
export function useConnection(): Failure | undefined {
  const [failure, setFailure] = useState<Failure>();
  useEffect(() => {
    const change = () => {
      const all = [...failing.values()].filter((each) => each.passing);
      setFailure(all.find((each) => each.kind === 'offline') ?? all[0]);
    };
    change();
    changes.addEventListener('change', change);
    return () => changes.removeEventListener('change', change);
  }, []);
  return failure;
}
