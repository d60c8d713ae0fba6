// What the library does not do, or not in the way of the specification.
// build.mjs puts calls of these functions into the library's code.

const named = (type) => type.replace(/[![\]]/g, '');

// covers tells whether values of one type can be all that values of another can.
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

// widest gives, of the different types that a field has in different subgraphs,
// the one that covers the others: an abstract type, of which they are members.
export function widest(field, state) {
  const types = [...field.byGraph.values()].filter((meta) => !meta.external).map((meta) => meta.type);
  if (new Set(types.map(named)).size < 2) return undefined;
  return types.find((wide) => types.every((narrow) => covers(wide, narrow, state)));
}

// widen gives fields of objects and interfaces their widest types.
export function widen(state) {
  for (const type of [...state.objectTypes.values(), ...state.interfaceTypes.values()]) {
    for (const field of type.fields.values()) field.type = widest(field, state) ?? field.type;
  }
}

// typesDiffer tells whether a field is not of the same type in all subgraphs that
// have it, differs whether there is anything to say of one of them.
export function typesDiffer(field) {
  return [...field.byGraph.values()].some((meta) => meta.type !== field.type);
}

export function differs(field) {
  return typesDiffer(field) || [...field.byGraph.values()].some((meta) => meta.override || meta.provides || meta.requires || meta.external);
}

// narrow gives what a selection selects on values that are of one object type.
function narrow(selections, object) {
  return selections.flatMap((selection) => {
    if (selection.kind === 'field') return [{ ...selection, typeName: object.name }];
    const applies = selection.typeName === object.name || object.interfaces.has(selection.typeName);
    return applies ? narrow(selection.selectionSet, object) : [];
  });
}

// splitFragment takes a fragment on an interface, required of values that are of
// another abstract type, for fragments on the object types that are of both. It
// gives nothing for other fragments.
export function splitFragment({ selection, paths }, graph) {
  if (paths[0].tail()?.typeName === selection.typeName) return undefined;
  const objects = new Map();
  for (const path of paths) {
    const tail = path.tail();
    const types = tail?.typeState?.kind === 'object' ? [tail] : tail ? graph.abstractEdgesOfHead(tail).map((edge) => edge.tail) : [];
    for (const { typeState } of types) {
      if (typeState.kind === 'object' && typeState.interfaces.has(selection.typeName)) objects.set(typeState.name, typeState);
    }
  }
  if (objects.size === 0) return undefined;
  return [...objects.values()].map((object) => ({
    selection: { kind: 'fragment', typeName: object.name, selectionSet: narrow(selection.selectionSet, object) },
    paths,
  }));
}
