import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Failure } from './api';
import { forget, note, onRecovery } from './connection';

/** What a view knows of a resource of the API. */
export interface Resource<T> {
  /** The last good response. It stays while the router does not respond. */
  data: T | undefined;
  /** When it was read, in milliseconds since 1970. */
  at: number | undefined;
  error: Failure | undefined;
  reload: () => void;
}

/** The longest wait between attempts while a request fails, unless the router asks for more. */
const longestWait = 10_000;

/** The most that the router can ask for. */
const longestAsked = 60_000;

/** The last data of the paths that were read last, for views that are opened again. */
const remembered = new Map<string, { data: unknown; at: number }>();
const mostRemembered = 64;

function remember(path: string, data: unknown, at: number): void {
  remembered.delete(path);
  remembered.set(path, { data, at });
  for (const oldest of remembered.keys()) {
    if (remembered.size <= mostRemembered) break;
    remembered.delete(oldest);
  }
}

/** The token prompt listens for this event. */
export const tokenRefused = new EventTarget();

/**
 * Reads path, again every `every` milliseconds (0 for once) while the page is visible,
 * and again whenever `version` changes. A null path reads nothing. A request that may succeed
 * later is repeated.
 */
export function useApi<T>(path: string | null, every = 0, version: unknown = 0): Resource<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; at?: number; error?: Failure }>({ path });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    const reader = {};
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    const wait = (delay: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => void read(), delay);
    };
    const read = async () => {
      if (document.hidden && every > 0 && failures === 0) return; // resumed by visibilitychange
      try {
        const data = await call<T>(path, { signal: abort.signal });
        failures = 0;
        const at = Date.now();
        setState({ path, data, at });
        remember(path, data, at);
        note(reader, undefined);
      } catch (cause) {
        if (abort.signal.aborted) return;
        const error = cause instanceof Failure ? cause : new Failure('response', String(cause));
        if (error.kind === 'token') tokenRefused.dispatchEvent(new Event('refused'));
        failures++;
        note(reader, error);
        setState((old) => ({ ...(old.path === path ? old : { path }), error }));
        if (error.kind !== 'token' && (every > 0 || error.passing)) wait(Math.max(Math.min(1000 * 2 ** (failures - 1), longestWait), Math.min(error.wait, longestAsked)));
        return;
      }
      if (every > 0) wait(every);
    };
    const resume = () => {
      if (!document.hidden && every > 0) wait(0);
    };
    document.addEventListener('visibilitychange', resume);
    const stop = onRecovery(() => {
      if (failures > 0) wait(0);
    });
    void read();
    return () => {
      abort.abort();
      forget(reader);
      stop();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', resume);
    };
  }, [path, every, version, turn]);
  const current = sameResource(state.path, path);
  const last = path === null ? undefined : (remembered.get(path) as { data: T; at: number } | undefined);
  const shown = current && state.data !== undefined ? state : last;
  return { data: shown?.data, at: shown?.at, error: current ? state.error : undefined, reload };
}

/** Reports whether two paths differ at most in their query, so that old data may stay until the new arrives. */
function sameResource(a: string | null, b: string | null): boolean {
  return a?.split('?')[0] === b?.split('?')[0];
}

/** The route of the page: the parts of the location's hash, decoded. */
export function useRoute(): string[] {
  const [route, setRoute] = useState(parseRoute);
  useEffect(() => {
    const change = () => setRoute(parseRoute());
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  return route;
}

function parseRoute(): string[] {
  return location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

export const route = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;

/** State that survives a reload of the page. */
export function useStored(key: string, initial: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => sessionStorage.getItem(`souk-console-${key}`) ?? initial);
  const store = useCallback(
    (next: string) => {
      setValue(next);
      try {
        sessionStorage.setItem(`souk-console-${key}`, next);
      } catch {
        // The storage is full: the value lasts until the page is closed.
      }
    },
    [key],
  );
  return [value, store];
}

/** The size of an element's content box, in CSS pixels. */
export function useSize<E extends HTMLElement>(): [(element: E | null) => void, { width: number; height: number }] {
  const [size, setSize] = useState({ width: 0, height: 0 });
  const observer = useRef<ResizeObserver | undefined>(undefined);
  const attach = useCallback((element: E | null) => {
    observer.current?.disconnect();
    if (!element) return;
    observer.current = new ResizeObserver(([entry]) => {
      if (!entry) return;
      const width = Math.floor(entry.contentRect.width);
      const height = Math.floor(entry.contentRect.height);
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }));
    });
    observer.current.observe(element);
  }, []);
  return [attach, size];
}

/** Counts the changes between light and dark, for what is drawn on a canvas. */
export function useScheme(): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const change = () => setChanges((n) => n + 1);
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  return changes;
}
