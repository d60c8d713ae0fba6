import { Kind, parse, type TypeNode, type VariableDefinitionNode } from 'graphql';
import type { Graph } from '../api';

/**
 * Values for the variables that an operation requires, for planning it when the real ones are
 * hidden. The plan is the same for all values of the right type.
 */
export function placeholders(document: string, graph: Graph): Record<string, unknown> {
  const types = new Map(graph.types.map((type) => [type.name, type]));
  const variables: Record<string, unknown> = {};
  for (const definition of definitions(document)) {
    if (!definition.defaultValue && definition.type.kind === Kind.NON_NULL_TYPE) variables[definition.variable.name.value] = valueOf(print(definition.type), types);
  }
  return variables;
}

function definitions(document: string): VariableDefinitionNode[] {
  return parse(document, { noLocation: true }).definitions.flatMap((each) => (each.kind === Kind.OPERATION_DEFINITION ? (each.variableDefinitions ?? []) : []));
}

function print(type: TypeNode): string {
  if (type.kind === Kind.NON_NULL_TYPE) return `${print(type.type)}!`;
  return type.kind === Kind.LIST_TYPE ? `[${print(type.type)}]` : type.name.value;
}

const scalars: Record<string, unknown> = { Int: 1, Float: 1, Boolean: true, ID: '1', String: 'x' };

/** A value of a type. GraphQL has no input objects that require themselves. */
function valueOf(type: string, types: Map<string, Graph['types'][number]>): unknown {
  if (type.startsWith('[')) return [];
  const name = type.replace('!', '');
  const known = types.get(name);
  if (known?.kind === 'ENUM') return known.values?.[0]?.name ?? null;
  if (known?.kind !== 'INPUT_OBJECT') return scalars[name] ?? 'x';
  return Object.fromEntries((known.fields ?? []).filter((field) => field.type.endsWith('!')).map((field) => [field.name, valueOf(field.type, types)]));
}
