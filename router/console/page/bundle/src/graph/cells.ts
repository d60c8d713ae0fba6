// Lays out a connected part of the map as a grid whose edges run in the channels between its
// cells. It uses the width of the map where layers would be a chain.
import type { LayoutRequest, Point } from './layout';
import type { Part } from './layout.worker';

interface Cell {
  row: number;
  column: number;
}

/** The distance of parallel edges, and how many a channel keeps apart. */
const lane = 9;
const lanes = 5;

/** The least width of a channel. */
const channel = lane * (lanes + 1);

/** Places connected nodes near each other. */
export function cells({ nodes, edges, width: roomX, height: roomY }: LayoutRequest, ids: Set<string>): Part {
  const own = nodes.filter((node) => ids.has(node.id));
  const links = edges.filter((edge) => ids.has(edge.from) && edge.from !== edge.to);
  const size = { width: Math.max(...own.map((node) => node.width)), height: Math.max(...own.map((node) => node.height)) };
  const gapX = Math.max(channel, ...links.map((edge) => edge.width + 16));
  const gapY = Math.max(channel, ...links.map((edge) => (edge.height > 0 ? 2 * edge.height + 16 : 0)));
  const columns = Math.min(own.length, Math.max(1, Math.round(Math.sqrt((own.length * (size.height + gapY) * roomX) / ((size.width + gapX) * roomY)))));
  const rows = Math.ceil(own.length / columns);
  const places = arrange(own.map((node) => node.id), links, columns, rows);
  const corner = (cell: Cell): Point => ({ x: cell.column * (size.width + gapX), y: cell.row * (size.height + gapY) });
  const part: Part = { width: columns * (size.width + gapX) - gapX, height: rows * (size.height + gapY) - gapY, nodes: new Map(), edges: new Map() };
  for (const [id, cell] of places) part.nodes.set(id, corner(cell));
  let turn = 0;
  for (const [index, edge] of edges.entries()) {
    const from = places.get(edge.from);
    const to = places.get(edge.to);
    if (!from || !to || edge.from === edge.to) continue;
    const shift = ((turn++ % lanes) - (lanes - 1) / 2) * lane;
    const points = route(from, to, corner, size, { x: gapX, y: gapY }, shift);
    for (const point of points) {
      part.width = Math.max(part.width, point.x);
      part.height = Math.max(part.height, point.y);
    }
    part.edges.set(index, { points, label: beside(points, edge), shape: 'straight' });
  }
  return part;
}

const apart = (a: Cell, b: Cell): number => Math.abs(a.row - b.row) + Math.abs(a.column - b.column);

/** Gives each node a cell, and swaps cells while that makes the edges shorter. */
function arrange(ids: string[], links: { from: string; to: string }[], columns: number, rows: number): Map<string, Cell> {
  const neighbors = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of links) {
    neighbors.get(from)?.push(to);
    neighbors.get(to)?.push(from);
  }
  // Row by row, to and fro, in the order of a walk from the best connected node: a chain stays one.
  const order: (string | undefined)[] = walk(ids, neighbors);
  while (order.length < columns * rows) order.push(undefined);
  const cell = (index: number): Cell => {
    const row = Math.floor(index / columns);
    return { row, column: row % 2 === 0 ? index % columns : columns - 1 - (index % columns) };
  };
  const places = new Map<string, Cell>();
  for (const [index, id] of order.entries()) if (id !== undefined) places.set(id, cell(index));
  const length = (id: string | undefined) => (id === undefined ? 0 : (neighbors.get(id) ?? []).reduce((sum, other) => sum + apart(places.get(id)!, places.get(other)!) ** 1.5, 0));
  const put = (index: number, id: string | undefined) => {
    order[index] = id;
    if (id !== undefined) places.set(id, cell(index));
  };
  for (let better = true, pass = 0; better && pass < 20; pass++) {
    better = false;
    for (let a = 0; a < order.length; a++) {
      for (let b = a + 1; b < order.length; b++) {
        const [one, other] = [order[a], order[b]];
        const before = length(one) + length(other);
        put(a, other);
        put(b, one);
        if (length(one) + length(other) < before - 1e-9) better = true;
        else {
          put(a, one);
          put(b, other);
        }
      }
    }
  }
  return places;
}

/** The nodes in the order of a depth-first walk that takes the least connected neighbor first. */
function walk(ids: string[], neighbors: Map<string, string[]>): string[] {
  const degree = (id: string) => neighbors.get(id)?.length ?? 0;
  const start = [...ids].sort((a, b) => degree(a) - degree(b))[0];
  const seen = new Set<string>();
  const open = start === undefined ? [] : [start];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(neighbors.get(next) ?? []).filter((each) => !seen.has(each)).sort((a, b) => degree(b) - degree(a)));
  }
  return [...seen];
}

/** The points of an edge: straight between neighbors, else through the channels. */
function route(from: Cell, to: Cell, corner: (cell: Cell) => Point, size: { width: number; height: number }, gap: Point, shift: number): Point[] {
  const [a, b] = [corner(from), corner(to)];
  if (from.row === to.row && Math.abs(from.column - to.column) === 1) {
    const y = a.y + size.height / 2;
    return from.column < to.column ? [{ x: a.x + size.width, y }, { x: b.x, y }] : [{ x: a.x, y }, { x: b.x + size.width, y }];
  }
  const down = to.row > from.row || (to.row === from.row && from.row === 0);
  // Where the edge leaves and enters, off the middle, so that edges of one node are apart.
  const start = { x: a.x + size.width / 2 + shift * 2, y: down ? a.y + size.height : a.y };
  const under = down ? a.y + size.height + gap.y / 2 + shift : a.y - gap.y / 2 + shift;
  const into = to.row === from.row ? down : !down;
  const end = { x: b.x + size.width / 2 + shift * 2, y: into ? b.y + size.height : b.y };
  if (from.column === to.column && Math.abs(from.row - to.row) === 1) return [start, end];
  if (Math.abs(from.row - to.row) <= 1) return [start, { x: start.x, y: under }, { x: end.x, y: under }, end];
  // Down the channel beside the target's column, on the side from which it comes.
  const beside = from.column < to.column ? b.x - gap.x / 2 + shift : b.x + size.width + gap.x / 2 + shift;
  const over = into ? b.y + size.height + gap.y / 2 + shift : b.y - gap.y / 2 + shift;
  return [start, { x: start.x, y: under }, { x: beside, y: under }, { x: beside, y: over }, { x: end.x, y: over }, end];
}

/** The middle of a label: below or beside the longest line of an edge. */
function beside(points: Point[], label: { width: number; height: number }): Point {
  let best: Point = points[0] ?? { x: 0, y: 0 };
  let longest = -1;
  for (let index = 1; index < points.length; index++) {
    const [a, b] = [points[index - 1]!, points[index]!];
    const length = Math.hypot(a.x - b.x, a.y - b.y);
    if (length <= longest) continue;
    longest = length;
    const level = Math.abs(a.y - b.y) < Math.abs(a.x - b.x);
    best = { x: (a.x + b.x) / 2 + (level ? 0 : label.width / 2 + 3), y: (a.y + b.y) / 2 + (level ? label.height / 2 + 3 : 0) };
  }
  return best;
}
