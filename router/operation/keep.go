package operation

import (
	"unsafe"

	"souk/internal/slab"
)

// keep returns a copy of an operation in memory of its own, which has as few pieces as possible and no
// room to spare. It copies the parts of the document's text: otherwise, an operation of ten bytes and every
// plan made from it would keep a document of two megabytes in memory. Other names are those of the schema.
func keep(op *Operation) *Operation {
	var n amounts
	n.add(op)
	k := keeper{
		fields: slab.NewBlock[Field](n.fields), fragments: slab.NewBlock[InlineFragment](n.fragments), selections: slab.NewBlock[Selection](n.selections),
		arguments: slab.NewBlock[Argument](n.arguments), names: slab.NewBlock[string](n.names), text: make([]byte, 0, n.text),
	}
	kept := &Operation{Kind: op.Kind, Name: k.copy(op.Name), RootType: op.RootType, Selections: k.list(op.Selections)}
	if len(op.Variables) > 0 {
		kept.Variables = make([]VariableDefinition, len(op.Variables))
	}
	for i, v := range op.Variables {
		kept.Variables[i] = VariableDefinition{Name: k.copy(v.Name), Type: k.copy(v.Type), Default: k.copy(v.Default)}
	}
	return kept
}

// Size estimates the memory of the operation in bytes.
func (o *Operation) Size() int {
	var n amounts
	n.add(o)
	return int(unsafe.Sizeof(*o)) + n.variables*int(unsafe.Sizeof(VariableDefinition{})) + n.selections*int(unsafe.Sizeof(o.Selections[0])) +
		n.fields*int(unsafe.Sizeof(Field{})) + n.fragments*int(unsafe.Sizeof(InlineFragment{})) + n.defers*int(unsafe.Sizeof(Defer{})) +
		n.arguments*int(unsafe.Sizeof(Argument{})) + n.names*int(unsafe.Sizeof("")) + n.text
}

// amounts are how many parts of each kind an operation has, and the bytes of its texts.
type amounts struct{ variables, selections, fields, fragments, defers, arguments, names, text int }

func (n *amounts) add(op *Operation) {
	n.text += len(op.Name)
	n.variables += len(op.Variables)
	for _, v := range op.Variables {
		n.text += len(v.Name) + len(v.Type) + len(v.Default)
	}
	n.list(op.Selections)
}

func (n *amounts) list(list []Selection) {
	n.selections += len(list)
	for _, sel := range list {
		switch sel := sel.(type) {
		case *Field:
			n.fields++
			if sel.Alias != sel.Name {
				n.text += len(sel.Alias)
			}
			n.arguments += len(sel.Arguments)
			for i := range sel.Arguments {
				n.text += len(sel.Arguments[i].Value)
				n.names += len(sel.Arguments[i].Variables)
				for _, name := range sel.Arguments[i].Variables {
					n.text += len(name)
				}
			}
			n.list(sel.Selections)
		case *InlineFragment:
			n.fragments++
			if sel.Defer != nil {
				n.defers++
				n.text += len(sel.Defer.Label)
			}
			n.list(sel.Selections)
		}
	}
}

// A keeper copies parts of an operation to memory that has exactly the room for them.
type keeper struct {
	fields     slab.Block[Field]
	fragments  slab.Block[InlineFragment]
	selections slab.Block[Selection]
	arguments  slab.Block[Argument]
	names      slab.Block[string]
	text       []byte
}

func (k *keeper) list(list []Selection) []Selection {
	if len(list) == 0 {
		return nil
	}
	out := k.selections.Make(len(list))
	for i, sel := range list {
		switch sel := sel.(type) {
		case *Field:
			out[i] = k.field(sel)
		case *InlineFragment:
			f := k.fragments.New()
			*f = InlineFragment{TypeCondition: sel.TypeCondition, Selections: k.list(sel.Selections)}
			if sel.Defer != nil {
				f.Defer = &Defer{ID: sel.Defer.ID, Label: k.copy(sel.Defer.Label)}
			}
			out[i] = f
		}
	}
	return out
}

func (k *keeper) field(from *Field) *Field {
	f := k.fields.New()
	*f = Field{Alias: from.Name, Name: from.Name, Line: from.Line, Column: from.Column}
	if from.Alias != from.Name {
		f.Alias = k.copy(from.Alias)
	}
	if len(from.Arguments) > 0 {
		f.Arguments = k.arguments.Make(len(from.Arguments))
	}
	for i := range from.Arguments {
		a := &from.Arguments[i]
		f.Arguments[i] = Argument{Name: a.Name, Value: k.copy(a.Value)}
		if len(a.Variables) > 0 {
			f.Arguments[i].Variables = k.names.Make(len(a.Variables))
		}
		for j, name := range a.Variables {
			f.Arguments[i].Variables[j] = k.copy(name)
		}
	}
	f.Selections = k.list(from.Selections)
	return f
}

// copy copies a text, after those that were copied before.
func (k *keeper) copy(text string) string {
	if text == "" {
		return ""
	}
	start := len(k.text)
	k.text = append(k.text, text...)
	return unsafe.String(&k.text[start], len(text)) // no other text is written there
}
