// Corrections where the library differs from the specification. build.mjs inserts
// calls to these functions into the library's code.

const named = (type) => type.replace(/[![\]]/g, '');

// covers reports whether every value of the type narrow is a value of the type wide.
function covers(wide, narrow, state) {
  if (narrow.endsWith('!')) return covers(wide.replace(/!$/, ''), narrow.slice(0, -1), state);
  if (wide.startsWith('[') && narrow.startsWith('[')) return covers(wide.slice(1, -1), narrow.slice(1, -1), state);
  return (
    wide === narrow ||
    state.unionTypes.get(wide)?.members.has(narrow) ||
    state.interfaceTypes.get(wide)?.implementedBy.has(narrow) ||
    state.interfaceTypes.get(narrow)?.interfaces.has(wide)
  );
}

// widest returns, among the types that a field has in different subgraphs, the one
// that covers the others: an abstract type of which they are members.
export function widest(field, state) {
  const types = [...field.byGraph.values()].filter((meta) => !meta.external).map((meta) => meta.type);
  if (new Set(types.map(named)).size < 2) return undefined;
  return types.find((wide) => types.every((narrow) => covers(wide, narrow, state)));
}

// widen sets the types of the fields of objects and interfaces to their widest types.
export function widen(state) {
  for (const type of [...state.objectTypes.values(), ...state.interfaceTypes.values()]) {
    for (const field of type.fields.values()) field.type = widest(field, state) ?? field.type;
  }
}

// typesDiffer reports whether a field has different types in the subgraphs that have
// it. differs also reports differences in directives such as @override.
export function typesDiffer(field) {
  return [...field.byGraph.values()].some((meta) => meta.type !== field.type);
}

export function differs(field) {
  return typesDiffer(field) || [...field.byGraph.values()].some((meta) => meta.override || meta.provides || meta.requires || meta.external);
}
