// The worker that lays out maps, and the messages to and from it.
import { onRecovery } from '../connection';

export interface LayoutRequest {
  turn: number;
  nodes: { id: string; width: number; height: number }[];
  /** An edge with a label has the width and height of it. */
  edges: { from: string; to: string; width: number; height: number }[];
  /** Everything around one node: its edges are drawn, however small it becomes. */
  layered: boolean;
  /** The room on the map, for which the layout is chosen. */
  width: number;
  height: number;
}

export interface LayoutResponse {
  turn: number;
  width: number;
  height: number;
  /** The top left corner of each node. */
  nodes: Record<string, { x: number; y: number }>;
  /** Edges are left out, since the map would have too many. */
  sparse: boolean;
  /** Each edge, in the order of the request. An edge from a node to itself has no points. */
  edges: RoutedEdge[];
}

export interface Point {
  x: number;
  y: number;
}

export interface RoutedEdge {
  points: Point[];
  /** The middle of the label. */
  label: Point;
  /** How the edge goes through its points: in curves between layers side by side or one below the other, or in straight lines. */
  shape: 'across' | 'down' | 'straight';
}

/** What waits for a layout: at most the map that is shown. */
const waiting = new Map<number, { request: LayoutRequest; done: (layout: LayoutResponse) => void }>();

let turns = 0;
export const nextTurn = () => ++turns;

// One worker for all maps. It starts with this script, since the router may be away when a map
// is opened. If its own script could not be loaded, it starts again once the router responds.
let worker = start();
let failed = false;

function start(): Worker {
  const made = new Worker(new URL('./layout.worker.js', import.meta.url));
  made.onmessage = (event: MessageEvent<LayoutResponse>) => {
    const { turn } = event.data;
    waiting.get(turn)?.done(event.data);
    waiting.delete(turn);
  };
  made.onerror = () => {
    failed = true;
  };
  return made;
}

onRecovery(() => {
  if (!failed) return;
  failed = false;
  worker = start();
  for (const { request } of waiting.values()) worker.postMessage(request);
});

/** Lays out a map and calls back, unless the function that it returns is called before. */
export function layOut(request: LayoutRequest, done: (layout: LayoutResponse) => void): () => void {
  waiting.set(request.turn, { request, done });
  worker.postMessage(request);
  return () => void waiting.delete(request.turn);
}
