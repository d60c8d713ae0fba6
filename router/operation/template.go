package operation

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// A Template is a document with variables in the places of some literals, for all documents with the
// same outline.
type Template struct {
	*Document
	// values are those of the first variables of Document, in order. fixed are the literals that
	// are part of the template.
	values []templateValue
	fixed  []fixedLiteral
}

// A templateValue is a variable of a template. Equal literals of one type have the same one.
type templateValue struct {
	literal int // the index of the first of them
	typ     string
}

type fixedLiteral struct {
	literal int
	text    string
}

// Template makes a template of a valid document and its literals, which Outline has returned. It
// returns nil if there is nothing to replace, and for documents that it cannot replace literals in:
// those with several operations or with directives of the operation, and subscriptions.
//
// Literals in arguments of the types Int, Float, String and ID are replaced, also within lists and
// input objects. The others may decide about the plan, as in conditions, or have no type, as inside
// custom scalars.
func (d *Document) Template(text string, list []Literal) *Template {
	source, done := d.tree()
	defer done()
	if d.kind == Subscription || d.shared || len(source.Directives) > 0 {
		return nil
	}
	t := &Template{}
	types := literalTypes(source, text, list)
	var edits []edit
	for i, l := range list {
		if types[i] == "" {
			t.fixed = append(t.fixed, fixedLiteral{i, string(l.Text)})
			continue
		}
		v := templateValue{l.number, types[i]}
		number := slices.Index(t.values, v)
		if number < 0 {
			number = len(t.values)
			t.values = append(t.values, v)
		}
		edits = append(edits, edit{l.start, l.start + len(l.Text), "$" + literalPrefix + strconv.Itoa(number)})
	}
	head, ok := defineValues(source, text, t.values)
	if !ok || len(t.values) == 0 {
		return nil
	}
	// The document that the literals are from is within the limits.
	made, err := d.schema.With(Limits{}).Parse(apply(text, append(edits, head)), "")
	if err != nil {
		return nil // such as a literal whose field the client has also given a variable of that name
	}
	made.usage, made.values = d.usage, len(t.values)
	made.Compact()
	t.Document = made
	return t
}

// Variables returns the variables of a request for a document with the same outline: the values
// that the client has sent, and the literals. It returns false if the document has to be parsed,
// because a literal is not that of the template, or none that its type accepts, or because the
// values of the client are not valid, so that an error has the places in the document itself.
func (t *Template) Variables(raw json.RawMessage, list []Literal) (Variables, bool) {
	for _, f := range t.fixed {
		if string(list[f.literal].Text) != f.text {
			return nil, false
		}
	}
	given := make(Variables, len(t.values))
	for i, v := range t.values {
		text := list[v.literal].Text
		if scalar(v.typ, text) != "" {
			return nil, false
		}
		if v.typ == "ID" {
			given[i].Value = appendID(nil, text)
		} else {
			given[i].Value = append(json.RawMessage(nil), text...) // the text is that of a request
		}
	}
	variables, err := t.variablesWith(raw, given)
	return variables, err == nil
}

// literalTypes returns the type that each literal has in the document, or "" if it is not to be
// replaced.
func literalTypes(source *ast.OperationDefinition, text string, list []Literal) []string {
	f := typeFinder{at: map[int]int{}, types: make([]string, len(list)), fragments: map[string]bool{}}
	for i, l := range list {
		f.at[utf8.RuneCountInString(text[:l.start])] = i // the parser counts characters
	}
	f.set(source.SelectionSet)
	for i, l := range list {
		if scalar(f.types[i], l.Text) != "" {
			f.types[i] = ""
		}
	}
	return f.types
}

// A typeFinder finds the types of literals in arguments.
type typeFinder struct {
	at        map[int]int // literals by their positions, in characters
	types     []string
	fragments map[string]bool // seen
}

func (f *typeFinder) set(set ast.SelectionSet) {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			for _, a := range sel.Arguments {
				f.value(a.Value)
			}
			f.set(sel.SelectionSet)
		case *ast.InlineFragment:
			f.set(sel.SelectionSet)
		case *ast.FragmentSpread:
			if !f.fragments[sel.Name] {
				f.fragments[sel.Name] = true
				f.set(sel.Definition.SelectionSet)
			}
		}
	}
}

func (f *typeFinder) value(v *ast.Value) {
	for _, c := range v.Children {
		f.value(c.Value)
	}
	if v.ExpectedType == nil || v.ExpectedType.Elem != nil || v.Position == nil {
		return // a single value where a list belongs cannot be a variable of the item's type
	}
	switch name := v.ExpectedType.NamedType; name {
	case "Int", "Float", "String", "ID":
		if i, known := f.at[v.Position.Start]; known && (v.Kind == ast.IntValue || v.Kind == ast.FloatValue || v.Kind == ast.StringValue) {
			f.types[i] = name
		}
	}
}

// An edit replaces part of a text.
type edit struct {
	start, end int // in bytes
	text       string
}

func apply(text string, edits []edit) string {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		out.WriteString(text[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.WriteString(text[at:])
	return out.String()
}

// defineValues returns the edit that adds the definitions of the variables to the operation, before
// others. It returns false if it does not find where they belong.
func defineValues(source *ast.OperationDefinition, text string, values []templateValue) (edit, bool) {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = "$" + literalPrefix + strconv.Itoa(i) + ": " + v.typ + "!"
	}
	definitions := strings.Join(list, ", ")
	start, left := 0, source.Position.Start // in bytes, in characters
	for left > 0 && start < len(text) {
		_, n := utf8.DecodeRuneInString(text[start:])
		start += n
		left--
	}
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '#':
			i = commentEnd([]byte(text), i)
		case '(':
			return edit{i + 1, i + 1, definitions + ", "}, true
		case '{':
			if i == start {
				return edit{i, i, "query(" + definitions + ") "}, true
			}
			return edit{i, i, "(" + definitions + ") "}, true
		case '@', '"':
			return edit{}, false
		}
	}
	return edit{}, false
}
