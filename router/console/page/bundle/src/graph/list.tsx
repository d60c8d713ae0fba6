import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const rowHeight = 30;
const spare = 8;

interface Props<R> {
  id: string;
  label: string;
  rows: R[];
  row: (row: R) => ComponentChildren;
  active: number;
  choose: (row: R) => void;
  selected?: (row: R) => boolean;
  keys: (event: KeyboardEvent) => void;
}

/** A list box that renders only the rows in view, for thousands of them. */
export function LongList<R>({ id, label, rows, row, active, choose, selected, keys }: Props<R>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current;
    if (!element || active < 0) return;
    const start = active * rowHeight;
    if (start < element.scrollTop) element.scrollTop = start;
    else if (start + rowHeight > element.scrollTop + element.clientHeight) element.scrollTop = start + rowHeight - element.clientHeight;
  }, [active]);
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  const last = Math.min(rows.length, Math.ceil((top + height) / rowHeight) + spare);
  return (
    <div
      class="long-list"
      ref={box}
      role="listbox"
      id={id}
      aria-label={label}
      aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
      tabIndex={0}
      onKeyDown={keys}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div role="presentation" style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, last).map((each, offset) => {
          const index = first + offset;
          return (
            <div
              key={index}
              id={`${id}-${index}`}
              role="option"
              class={index === active ? 'active' : ''}
              aria-selected={selected?.(each) ?? false}
              aria-setsize={rows.length}
              aria-posinset={index + 1}
              style={{ top: `${index * rowHeight}px` }}
              onClick={() => choose(each)}
            >
              {row(each)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
