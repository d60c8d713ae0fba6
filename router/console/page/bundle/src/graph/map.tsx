import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useSize } from '../hooks';
import { type LayoutRequest, type LayoutResponse, type Point, type RoutedEdge, layOut, nextTurn } from './layout';
import type { Picture } from './model';

interface View {
  x: number;
  y: number;
  scale: number;
}

/** About the width of a label of the map, in pixels. */
const labelWidth = (label: string) => label.length * 6.6 + 14;

const smallest = 0.1;
const largest = 2;

/** Around what the map shows, in CSS pixels, and below it for the buttons. */
const margin = 20;
const tools = 40;

/** The part of the map that nothing covers. */
const roomOf = ({ width, height }: { width: number; height: number }) =>
  width === 0 || height === 0 ? { width: 0, height: 0 } : { width: Math.max(40, width - 2 * margin), height: Math.max(40, height - 2 * margin - tools) };

/** The worker's layout of a picture, or undefined while it is being made. */
function useLayout(picture: Picture, room: { width: number; height: number }): LayoutResponse | undefined {
  const turn = useRef(0);
  const [layout, setLayout] = useState<LayoutResponse>();
  const sized = room.width > 0;
  useEffect(() => {
    turn.current = nextTurn();
    setLayout(undefined);
    if (!sized) return;
    const request: LayoutRequest = { turn: turn.current, nodes: picture.nodes, edges: picture.edges.map(({ from, to, label }) => ({ from, to, width: label ? labelWidth(label) : 0, height: label ? 20 : 0 })), layered: picture.focus !== undefined, ...room };
    return layOut(request, setLayout);
    // The room matters only when a new picture is laid out.
  }, [picture, sized]);
  return layout && layout.turn === turn.current ? layout : undefined;
}

/** Draws a picture of the graph that can be moved and zoomed by mouse, touch and keyboard. */
export function GraphMap({ picture, label, node }: { picture: Picture; label: string; node: (id: string) => ComponentChildren }) {
  const [attach, size] = useSize<HTMLDivElement>();
  const room = roomOf(size);
  const layout = useLayout(picture, room);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const frame = useRef<HTMLDivElement | null>(null);

  const place = useCallback(
    (element: HTMLDivElement | null) => {
      frame.current = element;
      attach(element);
    },
    [attach],
  );

  // Everything, in the middle of the room.
  const fit = useCallback(() => {
    if (!layout || room.width === 0 || picture.nodes.length === 0) return;
    const scale = Math.min(room.width / layout.width, room.height / layout.height, 1.25);
    setView({ scale, x: margin + (room.width - layout.width * scale) / 2, y: margin + (room.height - layout.height * scale) / 2 });
  }, [layout, room.width, room.height, picture]);
  useLayoutEffect(fit, [fit]);

  const zoom = useCallback((factor: number, at?: { x: number; y: number }) => {
    setView((old) => {
      const box = frame.current?.getBoundingClientRect();
      const point = at ?? { x: (box?.width ?? 0) / 2, y: (box?.height ?? 0) / 2 };
      const scale = Math.min(largest, Math.max(smallest, old.scale * factor));
      const ratio = scale / old.scale;
      return { scale, x: point.x - (point.x - old.x) * ratio, y: point.y - (point.y - old.y) * ratio };
    });
  }, []);

  useGestures(frame, setView, zoom);

  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 60;
    const move: Record<string, [number, number]> = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const by = move[event.key];
    if (by) setView((old) => ({ ...old, x: old.x + by[0], y: old.y + by[1] }));
    else if (event.key === '+' || event.key === '=') zoom(1.25);
    else if (event.key === '-') zoom(0.8);
    else if (event.key === '0') fit();
    else return;
    event.preventDefault();
  };

  const legend = layout?.sparse ? 'Choose a type to see its references.' : picture.edges.length > 0 ? picture.legend : undefined;
  return (
    <>
    <div class="map" ref={place} role="group" aria-label={`${label}. Arrow keys move the map, plus and minus zoom, 0 shows everything.`} tabIndex={0} onKeyDown={keys}>
      {!layout && <p class="map-wait" role="status">Drawing…</p>}
      {layout && (
        <div class="world" style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`, width: `${layout.width}px`, height: `${layout.height}px` }}>
          <svg width={layout.width} height={layout.height} aria-hidden="true">
            <defs>
              <marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="11" markerHeight="11" markerUnits="userSpaceOnUse" orient="auto-start-reverse">
                <path class="arrow" d="M0 0.5 10 5 0 9.5z" />
              </marker>
            </defs>
            {picture.edges.map((edge, index) => (
              <g key={index} class="edge">
                <path d={curve(layout.edges[index])} marker-end="url(#arrow)" marker-start={edge.both ? 'url(#arrow)' : undefined} style={{ strokeWidth: `${Math.min(3, 1 + edge.weight / 4)}px` }}>
                  <title>{edge.title}</title>
                </path>
              </g>
            ))}
          </svg>
          {picture.edges.map((edge, index) => {
            const route = layout.edges[index];
            const at = route && route.points.length > 0 ? route.label : undefined;
            return edge.label && at ? (
              <span key={index} class="edge-label" title={edge.title} style={{ left: `${at.x}px`, top: `${at.y}px` }}>
                {edge.label}
              </span>
            ) : null;
          })}
          {picture.nodes.map((each) => {
            const at = layout.nodes[each.id];
            if (!at) return null;
            return (
              <div key={each.id} class="node" style={{ left: `${at.x}px`, top: `${at.y}px`, width: `${each.width}px`, height: `${each.height}px` }}>
                {node(each.id)}
              </div>
            );
          })}
        </div>
      )}
      <div class="map-tools">
        <button type="button" onClick={() => zoom(1.25)} aria-label="Zoom in" title="Zoom in (+)">+</button>
        <button type="button" onClick={() => zoom(0.8)} aria-label="Zoom out" title="Zoom out (−)">−</button>
        <button type="button" onClick={fit} aria-label="Show everything" title="Show everything (0)">⤢</button>
      </div>
    </div>
    {legend && <p class="map-note">{legend}</p>}
    </>
  );
}

/** Moves the map by dragging and scrolling, and zooms by pinching or with Ctrl. */
function useGestures(frame: { current: HTMLDivElement | null }, setView: (change: (old: View) => View) => void, zoom: (factor: number, at: { x: number; y: number }) => void) {
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const pointers = new Map<number, { x: number; y: number }>();
    let dragged = 0;
    const at = (event: MouseEvent) => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.shiftKey) setView((old) => ({ ...old, x: old.x - event.deltaY - event.deltaX }));
      else zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), at(event));
    };
    const down = (event: PointerEvent) => {
      if (event.button !== 0 || (event.target as Element).closest('button')) return;
      pointers.set(event.pointerId, at(event));
      dragged = 0;
    };
    const move = (event: PointerEvent) => {
      const old = pointers.get(event.pointerId);
      if (!old) return;
      const now = at(event);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) zoom(distance(now, other) / Math.max(1, distance(old, other)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      else setView((view) => ({ ...view, x: view.x + now.x - old.x, y: view.y + now.y - old.y }));
      dragged += distance(now, old);
      if (dragged > 4 && !element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, now);
    };
    const up = (event: PointerEvent) => pointers.delete(event.pointerId);
    // A drag that ends on a link must not follow it.
    const click = (event: MouseEvent) => {
      if (dragged > 4) event.preventDefault();
      dragged = 0;
    };
    const drag = (event: DragEvent) => event.preventDefault();
    element.addEventListener('wheel', wheel, { passive: false });
    element.addEventListener('pointerdown', down);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', up);
    element.addEventListener('pointercancel', up);
    element.addEventListener('click', click, true);
    element.addEventListener('dragstart', drag);
    return () => {
      element.removeEventListener('wheel', wheel);
      element.removeEventListener('pointerdown', down);
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', up);
      element.removeEventListener('pointercancel', up);
      element.removeEventListener('click', click, true);
      element.removeEventListener('dragstart', drag);
    };
  }, [frame, setView, zoom]);
}

const distance = (a: { x: number; y: number }, b: { x: number; y: number }) => Math.hypot(a.x - b.x, a.y - b.y);

/** A smooth path through the points of an edge. */
function curve(edge: RoutedEdge | undefined): string {
  const [first, ...rest] = edge?.points ?? [];
  if (!edge || !first) return '';
  let path = `M${first.x} ${first.y}`;
  if (edge.shape === 'straight') return path + bends(first, rest);
  let before = first;
  for (const point of rest) {
    const x = (before.x + point.x) / 2;
    const y = (before.y + point.y) / 2;
    path += edge.shape === 'across' ? `C${x} ${before.y} ${x} ${point.y} ${point.x} ${point.y}` : `C${before.x} ${y} ${point.x} ${y} ${point.x} ${point.y}`;
    before = point;
  }
  return path;
}

/** The radius of the corners of straight edges. */
const corner = 8;

/** Straight lines through points, with round corners. */
function bends(first: Point, rest: Point[]): string {
  let path = '';
  let before = first;
  for (const [index, point] of rest.entries()) {
    const next = rest[index + 1];
    if (!next) {
      path += `L${point.x} ${point.y}`;
      continue;
    }
    const into = toward(point, before, corner);
    const out = toward(point, next, corner);
    path += `L${into.x} ${into.y}Q${point.x} ${point.y} ${out.x} ${out.y}`;
    before = point;
  }
  return path;
}

/** The point between two at a distance of the first, at most in the middle. */
function toward(from: Point, to: Point, length: number): Point {
  const all = distance(from, to);
  const share = all === 0 ? 0 : Math.min(length, all / 2) / all;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
