import { Component, type ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Resource } from './hooks';

/** Shows data, or why there is none: it is loading, or could not be read. */
export function Loaded<T>({ of, what, children }: { of: Resource<T>; what: string; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error && of.error.kind === 'response' && <Failed error={of.error} retry={of.reload} what={what} inline />}
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

export function Failed({ error, retry, what, inline }: { error: Error; retry?: () => void; what: string; inline?: boolean }) {
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
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const index = (tabs.findIndex((tab) => tab.key === chosen) + step + tabs.length) % tabs.length;
    const next = tabs[index];
    if (!next) return;
    choose(next.key);
    (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')[index]?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
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

/** Gives each subgraph a color, by its place among all. Ten colors repeat. */
export function setSubgraphs(names: string[]) {
  order = new Map([...names].sort().map((name, index) => [name, index]));
}

/** The class of a subgraph's color. */
export function swatch(name: string): string {
  let index = order.get(name);
  if (index === undefined) {
    index = 0;
    for (const character of name) index = (index * 31 + character.charCodeAt(0)) % 9973;
  }
  return `s${index % 10}`;
}

export type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'info';

export function Badge({ tone = 'plain', title, children }: { tone?: Tone; title?: string; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
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

export interface Column<R> {
  key: string;
  label: string;
  /** The cell's content. */
  cell: (row: R) => ComponentChildren;
  /** What the column sorts by; without it, it does not sort. */
  by?: (row: R) => number | string | null;
  number?: boolean;
  /** wide: only where there is room. */
  show?: 'wide';
  /** grow: takes the rest of the width, and is cut off if it is too long. */
  grow?: boolean;
}

interface TableProps<R> {
  caption: string;
  columns: Column<R>[];
  rows: R[];
  id: (row: R) => string;
  sort?: string;
  /** The content of a row that a press opens. */
  detail?: (row: R) => ComponentChildren;
  empty: ComponentChildren;
  /** Hides the caption from view where a heading already says it. */
  quiet?: boolean;
}

/** A table with sorting by column and rows that open. */
export function Table<R>({ caption, columns, rows, id, sort, detail, empty, quiet }: TableProps<R>) {
  const [by, setBy] = useState<{ key: string; down: boolean } | undefined>(sort ? { key: sort, down: true } : undefined);
  const [open, setOpen] = useState<Set<string>>(new Set());
  const sorted = useMemo(() => {
    const column = columns.find((each) => each.key === by?.key);
    if (!column?.by || !by) return rows;
    const value = column.by;
    const sign = by.down ? -1 : 1;
    return [...rows].sort((a, b) => {
      const x = value(a);
      const y = value(b);
      if (x === y) return 0;
      if (x === null) return 1;
      if (y === null) return -1;
      return x < y ? -sign : sign;
    });
  }, [rows, by, columns]);
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  if (rows.length === 0) return <section aria-label={caption}>{empty}</section>;
  return (
    <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class={quiet ? 'hidden' : ''}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => {
              const chosen = by?.key === column.key;
              return (
                <th key={column.key} scope="col" class={classes(column)} aria-sort={chosen ? (by.down ? 'descending' : 'ascending') : undefined}>
                  {column.by ? (
                    <button type="button" class="sort" onClick={() => setBy({ key: column.key, down: chosen ? !by.down : column.number === true })}>
                      {column.label}
                      <span aria-hidden="true" class="arrow">
                        {chosen ? (by.down ? '↓' : '↑') : ''}
                      </span>
                    </button>
                  ) : (
                    column.label
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => {
            const key = id(row);
            const expanded = open.has(key);
            return [
              <tr key={key} class={expanded ? 'open' : ''}>
                {columns.map((column, index) => {
                  const content = column.cell(row);
                  return index === 0 ? (
                    <th key={column.key} scope="row" class={classes(column)}>
                      {detail ? (
                        <button type="button" class="expand" aria-expanded={expanded} onClick={() => toggle(key)}>
                          {content}
                        </button>
                      ) : (
                        content
                      )}
                    </th>
                  ) : (
                    <td key={column.key} class={classes(column)}>
                      {content}
                    </td>
                  );
                })}
              </tr>,
              expanded && detail && (
                <tr key={`${key}-detail`} class="detail">
                  <td colSpan={columns.length}>
                    <div class="detail-body">{detail(row)}</div>
                  </td>
                </tr>
              ),
            ];
          })}
        </tbody>
      </table>
    </div>
  );
}

function classes<R>(column: Column<R>): string {
  return [column.number && 'number', column.show === 'wide' && 'wide', column.grow && 'grow'].filter(Boolean).join(' ');
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
