// Messages between the map and its layout worker.

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
  /** The direction of the layers that the edge connects. */
  across: boolean;
}
