import { type ComponentChildren, Fragment } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { count } from './format';
import { useSize } from './hooks';

export interface Column<R> {
  key: string;
  label: string;
  /** What the label means, where it does not say. */
  title?: string;
  /** The cell's content. */
  cell: (row: R) => ComponentChildren;
  /** What the column sorts by; without it, it does not sort. */
  by?: (row: R) => number | string | null;
  number?: boolean;
  /** Its content says what it is, without the label. */
  bare?: boolean;
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
  /** What is below the rows. */
  foot?: ComponentChildren;
  /** tall: the rows scroll if there are many. */
  tall?: boolean;
}

interface Order {
  key: string;
  down: boolean;
}

/** The width that a table needs for its columns, in CSS pixels. In less, each row is a card. */
function room<R>(columns: Column<R>[]): number {
  return columns.reduce((sum, column) => sum + (column.grow ? 190 : column.number ? 78 : 130), 0);
}

/**
 * A table with sorting by column and rows that open. While the focus or the pointer is on its
 * rows, they stay in place: values change, but rows neither come nor go.
 */
export function Table<R>({ caption, columns, rows, id, sort, detail, empty, quiet, foot, tall }: TableProps<R>) {
  const [by, setBy] = useState<Order | undefined>(sort ? { key: sort, down: true } : undefined);
  const [open, setOpen] = useState<Set<string>>(new Set());
  const [attach, size] = useSize<HTMLDivElement>();
  const hold = useHold();
  const sorted = useMemo(() => inOrder(rows, columns, by), [rows, by, columns]);
  const { shown, arrived, moved } = useSteady(sorted, id, by, hold.held);
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  if (shown.length === 0) return <section aria-label={caption}>{empty}</section>;
  const cards = size.width > 0 && size.width < room(columns);
  return (
    <div class="table" ref={attach}>
      <div class={`scroll ${tall ? 'tall' : ''}`} role="region" aria-label={caption} tabIndex={cards && !tall ? undefined : 0}>
        <table class={cards ? 'cards' : ''} role="table">
          <caption class={quiet ? 'hidden' : ''}>{caption}</caption>
          <Head columns={columns} cards={cards} by={by} setBy={setBy} />
          <tbody role="rowgroup" ref={hold.body} {...hold.events}>
            {shown.map((row) => {
              const key = id(row);
              const expanded = open.has(key);
              return (
                <Fragment key={key}>
                  <Row row={row} columns={columns} expanded={expanded} toggle={detail && (() => toggle(key))} />
                  {expanded && detail && (
                    <tr class="detail" role="row">
                      <td colSpan={columns.length} role="cell">
                        <div class="detail-body">{detail(row)}</div>
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class={`table-foot ${moved ? 'paused' : ''}`}>
        <span role="status">
          {moved && <b>Paused while you are on a row.</b>}
          {moved && arrived > 0 && ` ${count(arrived)} new.`}
        </span>
      </p>
      {foot && <p class="muted">{foot}</p>}
    </div>
  );
}

/** The labels. Cards have their own, so that only those that sort are visible. */
function Head<R>({ columns, cards, by, setBy }: { columns: Column<R>[]; cards: boolean; by: Order | undefined; setBy: (order: Order) => void }) {
  return (
    <thead role="rowgroup">
      <tr role="row">
        {columns.map((column) => {
          const chosen = by?.key === column.key;
          return (
            <th key={column.key} scope="col" role="columnheader" title={column.title} class={cards && !column.by ? 'hidden' : classes(column)} aria-sort={chosen ? (by.down ? 'descending' : 'ascending') : undefined}>
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
  );
}

function Row<R>({ row, columns, expanded, toggle }: { row: R; columns: Column<R>[]; expanded: boolean; toggle: (() => void) | undefined }) {
  return (
    <tr role="row" class={expanded ? 'open' : ''}>
      {columns.map((column, index) => {
        const content = column.cell(row);
        if (index > 0) {
          return (
            <td key={column.key} role="cell" class={classes(column)} data-label={column.bare ? undefined : column.label}>
              {content}
            </td>
          );
        }
        return (
          <th key={column.key} scope="row" role="rowheader" class={classes(column)}>
            {toggle ? (
              <button type="button" class="expand" aria-expanded={expanded} onClick={toggle}>
                {content}
              </button>
            ) : (
              content
            )}
          </th>
        );
      })}
    </tr>
  );
}

function inOrder<R>(rows: R[], columns: Column<R>[], by: Order | undefined): R[] {
  const value = columns.find((each) => each.key === by?.key)?.by;
  if (!value || !by) return rows;
  const sign = by.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    if (x === y) return 0;
    if (x === null) return 1;
    if (y === null) return -1;
    return x < y ? -sign : sign;
  });
}

/** Whether the focus or the pointer is on the rows, with what tells it. */
function useHold() {
  const body = useRef<HTMLTableSectionElement>(null);
  const [focused, setFocused] = useState(false);
  const [pointed, setPointed] = useState(false);
  // An element that goes with the focus does not say so.
  useLayoutEffect(() => {
    if (focused && !body.current?.contains(document.activeElement)) setFocused(false);
  });
  const events = {
    onFocusIn: () => setFocused(true),
    onFocusOut: (event: FocusEvent) => {
      if (!body.current?.contains(event.relatedTarget as Node | null)) setFocused(false);
    },
    onPointerEnter: (event: PointerEvent) => setPointed(event.pointerType === 'mouse'),
    onPointerLeave: () => setPointed(false),
  };
  return { body, held: focused || pointed, events };
}

/** The rows in the order in which they are shown: while held, those of before, with new values. */
function useSteady<R>(sorted: R[], id: (row: R) => string, by: Order | undefined, held: boolean): { shown: R[]; arrived: number; moved: boolean } {
  const last = useRef<{ rows: R[]; by: Order | undefined }>({ rows: sorted, by });
  if (!held || last.current.rows.length === 0 || last.current.by !== by) {
    last.current = { rows: sorted, by };
    return { shown: sorted, arrived: 0, moved: false };
  }
  const now = new Map(sorted.map((row) => [id(row), row]));
  const shown = last.current.rows.map((row) => now.get(id(row)) ?? row);
  last.current = { rows: shown, by };
  const keys = shown.map(id);
  const known = new Set(keys);
  return { shown, arrived: sorted.filter((row) => !known.has(id(row))).length, moved: keys.length !== sorted.length || sorted.some((row, index) => id(row) !== keys[index]) };
}

function classes<R>(column: Column<R>): string {
  return [column.number && 'number', column.grow && 'grow'].filter(Boolean).join(' ');
}
