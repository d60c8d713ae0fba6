import { Component, type ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { ago, count, moment, operationName, shortHash, unrounded } from './format';
import type { Resource } from './hooks';

/**
 * Shows data, or why there is none: it is loading, or could not be read. The frame says so while
 * data from before is shown because the router does not respond for the moment.
 */
export function Loaded<T>({ of, what, children }: { of: Resource<T>; what: string; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error && of.error.kind === 'response' && !of.error.passing && <Failed error={of.error} retry={of.reload} what={what} inline />}
        {children(of.data)}
      </>
    );
  }
  if (of.error) return <Failed error={of.error} retry={of.reload} what={what} />;
  return <Loading what={what} />;
}

export function Loading({ what }: { what: string }) {
  return (
    <div class="state" role="status" aria-busy="true">
      <span class="spinner" aria-hidden="true" />
      <p>Loading {what}…</p>
    </div>
  );
}

export function Failed({ error, retry, what, inline, also }: { error: Error; retry?: () => void; what: string; inline?: boolean; also?: ComponentChildren }) {
  return (
    <div class={inline ? 'notice bad' : 'state'} role="alert">
      <p>
        <strong>Cannot load {what}.</strong> {error.message}
      </p>
      {retry && (
        <button type="button" onClick={retry}>
          Retry
        </button>
      )}
      {also}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <p>
        <strong>{title}</strong>
      </p>
      {children && <p class="muted">{children}</p>}
    </div>
  );
}

/** In place of what is not known, so that nobody takes it for empty. */
export function Unknown({ what, children }: { what: string; children?: ComponentChildren }) {
  return <Empty title={`It is unknown ${what}.`}>{children}</Empty>;
}

/** Above what is shown although it may have changed since. */
export function AsOf({ time }: { time: string }) {
  return <p class="notice">It is unknown what has changed since {moment(time)}. What follows is from then.</p>;
}

/** Shows an error in place of a view that cannot be drawn. */
export class Boundary extends Component<{ children: ComponentChildren; name: string }, { error?: Error }> {
  state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  componentDidUpdate(old: { name: string }) {
    if (old.name !== this.props.name && this.state.error) this.setState({ error: undefined });
  }

  render() {
    if (!this.state.error) return this.props.children;
    return <Failed error={this.state.error} what="this view" retry={() => this.setState({ error: undefined })} />;
  }
}

export function Tabs<K extends string>({ label, tabs, chosen, choose }: { label: string; tabs: { key: K; label: string; count?: number }[]; chosen: K; choose: (key: K) => void }) {
  const list = useRef<HTMLDivElement>(null);
  // Tabs scroll where they have no room. Only they move, not the page.
  useLayoutEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>('[aria-selected=true]');
    if (!list.current || !tab) return;
    const { left, right } = tab.getBoundingClientRect();
    const room = list.current.getBoundingClientRect();
    if (left < room.left || right > room.right) list.current.scrollLeft += (left + right - room.left - room.right) / 2;
  }, [chosen]);
  const move = (event: KeyboardEvent) => {
    const now = tabs.findIndex((tab) => tab.key === chosen);
    const target = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const index = (target + tabs.length) % tabs.length;
    const next = tabs[index];
    if (!next) return;
    choose(next.key);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')[index]?.focus();
  };
  return (
    <div ref={list} class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {tabs.map((tab) => (
        <button key={tab.key} type="button" role="tab" id={`tab-${tab.key}`} aria-selected={tab.key === chosen} aria-controls="tab-panel" tabIndex={tab.key === chosen ? 0 : -1} onClick={() => choose(tab.key)}>
          {tab.label}
          {tab.count !== undefined && tab.count > 0 && <span class="count">{tab.count}</span>}
        </button>
      ))}
    </div>
  );
}

export function TabPanel({ tab, children }: { tab: string; children: ComponentChildren }) {
  return (
    <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`} class="tab-panel">
      {children}
    </div>
  );
}

/** The mark of a subgraph: its color and its name. */
export function Subgraph({ name, link }: { name: string; link?: boolean }) {
  const content = (
    <>
      <i class={`swatch ${swatch(name)}`} aria-hidden="true" />
      <span class="ellipsis">{name}</span>
    </>
  );
  return link ? (
    <a class="subgraph" href={`#/subgraph/${encodeURIComponent(name)}`} title={name}>
      {content}
    </a>
  ) : (
    <span class="subgraph" title={name}>
      {content}
    </span>
  );
}

let order = new Map<string, number>();

/** Gives each subgraph a color, by its place among all. */
export function setSubgraphs(names: string[]) {
  order = new Map([...names].sort().map((name, index) => [name, index]));
}

/** The classes of a subgraph's color. Ten colors repeat, each time with another pattern. */
export function swatch(name: string): string {
  let index = order.get(name);
  if (index === undefined) {
    index = 0;
    for (const character of name) index = (index * 31 + character.charCodeAt(0)) % 9973;
  }
  const pattern = Math.floor(index / 10) % 4;
  return `s${index % 10}${pattern > 0 ? ` p${pattern}` : ''}`;
}

/** An instant: how long ago it was, and on hover when. both: shows both. */
export function When({ time, both }: { time: string | null | undefined; both?: boolean }) {
  if (!time) return <span class="muted">–</span>;
  return (
    <time dateTime={time} title={moment(time)}>
      {both ? `${moment(time)}, ${ago(time)}` : ago(time)}
    </time>
  );
}

export type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'info';

export function Badge({ tone = 'plain', title, children }: { tone?: Tone; title?: string; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

/** A whole number. If it is rounded, all its digits are shown on hover. */
export function Count({ n }: { n: number | null | undefined }) {
  const all = unrounded(n);
  return all === undefined ? <>{count(n)}</> : <span title={all}>{count(n)}</span>;
}

/** The name of an operation, and its hash where the name does not say which operation is meant. */
export function OperationName({ name, hash, hashed }: { name: string; hash?: string; hashed: boolean }) {
  return (
    <span class="operation-name">
      <span class="ellipsis" title={operationName(name)}>
        {operationName(name)}
      </span>
      {hashed && hash && <code class="muted" title={`The hash of the operation: ${hash}`}>{shortHash(hash)}</code>}
    </span>
  );
}

export function Figure({ label, value, tone, detail }: { label: string; value: ComponentChildren; tone?: Tone; detail?: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd class={tone}>
        {value}
        {detail && <small>{detail}</small>}
      </dd>
    </div>
  );
}

/** How much of a limit is used, as a bar. */
export function Meter({ used, limit, label }: { used: number; limit: number; label: string }) {
  const share = limit > 0 ? used / limit : 0;
  return (
    <span class={`meter ${share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : ''}`} role="img" aria-label={`${label}: ${Math.round(share * 100)} %`}>
      <i style={{ width: `${Math.min(100, share * 100)}%` }} />
    </span>
  );
}
