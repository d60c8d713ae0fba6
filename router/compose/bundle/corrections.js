// What the library does not do, or not in the way of the specification.
// build.mjs puts calls of these functions into the library's code.

const named = (type) => type.replace(/[![\]]/g, '');

// covers tells whether values of one named type can be all that values of another can.
function covers(wide, narrow, state) {
  return (
    wide === narrow ||
    state.unionTypes.get(wide)?.members.has(narrow) ||
    state.interfaceTypes.get(wide)?.implementedBy.has(narrow) ||
    state.interfaceTypes.get(narrow)?.interfaces.has(wide)
  );
}

// widen gives the fields of a type that are of different types in different
// subgraphs the one of these types that covers the others: the abstract one, of
// which the others are members.
export function widen(type, state) {
  for (const field of type.fields.values()) {
    const all = [...field.byGraph.values()].filter((meta) => !meta.external).map((meta) => named(meta.type));
    const widest = all.find((wide) => all.every((narrow) => covers(wide, narrow, state)));
    if (widest) field.type = field.type.replace(named(field.type), widest);
  }
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
