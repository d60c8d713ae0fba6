// Lays out the nodes of the map: each connected part in layers (Sugiyama's method, by
// dagre), then the parts side by side in rows.
import * as dagre from '@dagrejs/dagre';
import { cells } from './cells';
import type { LayoutRequest, LayoutResponse, Point, RoutedEdge } from './layout';

type Layout = Omit<LayoutResponse, 'turn'>;

export interface Part {
  width: number;
  height: number;
  nodes: Map<string, Point>;
  edges: Map<number, RoutedEdge>;
  /** Its edges are left out. */
  sparse?: boolean;
}

const gap = 36;

/** From how many nodes on a part may be drawn as a grid. */
const many = 30;

/**
 * From how many nodes, or edges for each node, on a part of more than many nodes is a grid at
 * once. Layers of it would be too large to read, and take seconds to find.
 */
const tooMany = 48;
const tooDense = 1.5;

/** The least share of a part's area that its nodes take up in layers. */
const fullEnough = 0.05;

/** The smallest scale at which names can be read. */
const readable = 0.4;

addEventListener('message', (event: MessageEvent<LayoutRequest>) => {
  postMessage({ turn: event.data.turn, ...layout(event.data) });
});

/** How much larger a grid has to be than layers, which show the directions better. */
const muchLarger = 1.3;

/** Layers from left to right or from top to bottom, or a grid, whichever fills the map better. */
function layout(request: LayoutRequest): Layout {
  const parts = components(request);
  const candidates = [true, false].map((across) => pack(parts.map((ids) => layers(request, ids, across)), request));
  const scale = (each: Layout) => scaleOf(each, request);
  const layered = candidates.reduce((best, each) => (scale(each) > scale(best) * 1.1 ? each : best));
  if (request.layered || layered.sparse || request.nodes.length > tooMany) return layered;
  const gridded = pack(parts.map((ids) => cells(request, ids)), request);
  return scale(gridded) > scale(layered) * muchLarger ? gridded : layered;
}

/** The scale at which something fits the map. */
function scaleOf({ width, height }: { width: number; height: number }, room: { width: number; height: number }): number {
  return Math.min(room.width / Math.max(width, 1), room.height / Math.max(height, 1));
}

/** The connected components, as sets of node IDs. */
function components({ nodes, edges }: LayoutRequest): Set<string>[] {
  const neighbors = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  for (const { from, to } of edges) {
    neighbors.get(from)?.push(to);
    neighbors.get(to)?.push(from);
  }
  const seen = new Set<string>();
  const found: Set<string>[] = [];
  for (const { id } of nodes) {
    if (seen.has(id)) continue;
    const part = new Set<string>();
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (part.has(next)) continue;
      part.add(next);
      seen.add(next);
      open.push(...(neighbors.get(next) ?? []));
    }
    found.push(part);
  }
  return found;
}

function layers(request: LayoutRequest, ids: Set<string>, across: boolean): Part {
  const { nodes, edges } = request;
  if (ids.size > many && !request.layered) {
    const dense = edges.filter((edge) => ids.has(edge.from)).length > tooDense * ids.size;
    if (dense || ids.size > tooMany) return grid(request, ids);
  }
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: across ? 'LR' : 'TB', nodesep: 14, edgesep: 8, ranksep: across ? 56 : 40, ranker: 'network-simplex' });
  for (const node of nodes) {
    if (ids.has(node.id)) graph.setNode(node.id, { width: node.width, height: node.height });
  }
  for (const [index, edge] of edges.entries()) {
    if (ids.has(edge.from) && edge.from !== edge.to) graph.setEdge(edge.from, edge.to, { width: edge.width, height: edge.height, labelpos: 'r', labeloffset: 3 }, String(index));
  }
  dagre.layout(graph);
  const part: Part = { width: 0, height: 0, nodes: new Map(), edges: new Map() };
  let covered = 0;
  for (const id of graph.nodes()) {
    const { x, y, width, height } = graph.node(id) as Point & { width: number; height: number };
    part.nodes.set(id, { x: x - width / 2, y: y - height / 2 });
    covered += width * height;
    part.width = Math.max(part.width, x + width / 2);
    part.height = Math.max(part.height, y + height / 2);
  }
  for (const edge of graph.edges()) {
    const { points, x, y } = graph.edge(edge) as Point & { points: Point[] };
    const from = graph.node(edge.v) as Point & { width: number; height: number };
    const to = graph.node(edge.w) as Point & { width: number; height: number };
    part.edges.set(Number(edge.name), { points: anchored(points, from, to, across), label: { x, y }, shape: across ? 'across' : 'down' });
    for (const point of points) {
      part.width = Math.max(part.width, point.x);
      part.height = Math.max(part.height, point.y);
    }
  }
  if (ids.size <= many || request.layered) return part;
  const far = covered < fullEnough * part.width * part.height;
  return far || scaleOf(part, request) < readable ? grid(request, ids) : part;
}

/** Rows of nodes without edges, for a part with so many of them that its nodes would be far from each other, or too small. */
function grid({ nodes, width: roomX, height: roomY }: LayoutRequest, ids: Set<string>): Part {
  const part: Part = { width: 0, height: 0, nodes: new Map(), edges: new Map(), sparse: true };
  const own = nodes.filter((node) => ids.has(node.id)).sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
  const width = Math.max(...own.map((node) => node.width)) + 14;
  const height = Math.max(...own.map((node) => node.height)) + 14;
  const columns = Math.max(1, Math.round(Math.sqrt((own.length * height * roomX) / (width * roomY))));
  for (const [index, node] of own.entries()) {
    const at = { x: (index % columns) * width, y: Math.floor(index / columns) * height };
    part.nodes.set(node.id, at);
    part.width = Math.max(part.width, at.x + node.width);
    part.height = Math.max(part.height, at.y + node.height);
  }
  return part;
}

/** The points of an edge that leaves and enters nodes in the middle of their sides. */
function anchored(points: Point[], from: Point & { width: number; height: number }, to: Point & { width: number; height: number }, across: boolean): Point[] {
  const inner = points.slice(1, -1);
  if (across) {
    const right = from.x <= to.x ? 1 : -1; // dagre turns edges round to break cycles
    return [{ x: from.x + (right * from.width) / 2, y: from.y }, ...inner, { x: to.x - (right * to.width) / 2, y: to.y }];
  }
  const down = from.y <= to.y ? 1 : -1;
  return [{ x: from.x, y: from.y + (down * from.height) / 2 }, ...inner, { x: to.x, y: to.y - (down * to.height) / 2 }];
}

/** Places the parts in rows, the highest first, within the width that gives the wanted aspect. */
function pack(parts: Part[], request: LayoutRequest): Layout {
  const area = parts.reduce((sum, part) => sum + (part.width + gap) * (part.height + gap), 0);
  const limit = Math.max(Math.sqrt((area * request.width) / request.height), ...parts.map((part) => part.width));
  const out: Layout = { sparse: parts.some((part) => part.sparse), width: 0, height: 0, nodes: {}, edges: request.edges.map(() => ({ points: [], label: { x: 0, y: 0 }, shape: 'across' })) };
  let x = 0;
  let y = 0;
  let row = 0;
  for (const part of [...parts].sort((a, b) => b.height - a.height)) {
    if (x > 0 && x + part.width > limit) {
      x = 0;
      y += row + gap;
      row = 0;
    }
    const moved = (point: Point) => ({ x: point.x + x, y: point.y + y });
    for (const [id, at] of part.nodes) out.nodes[id] = moved(at);
    for (const [index, edge] of part.edges) out.edges[index] = { ...edge, points: edge.points.map(moved), label: moved(edge.label) };
    out.width = Math.max(out.width, x + part.width);
    row = Math.max(row, part.height);
    x += part.width + gap;
  }
  out.height = y + row;
  return out;
}
