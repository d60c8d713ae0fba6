// Package plantext reads plans from a short text form, for tests.
//
//	query Query
//	possible Media: Book Movie
//	enum Color: RED GREEN
//	interfaceObjects: Media
//	fetch a : { products { __typename upc _i0 } }
//	entities b after 0 defer 1 vars x
//	  _entities representations @products(Book).author <Author>Author{id name=_i0} & @top Author{id} : { name posts { title } }
//	answer { items=products:[Product!]! { upc:ID! <Book>title:String } kind=__typename:String! }
//
// A shape's field is "wire>key" where the two differ. An answer's field is
// "name=key:Type", with the object types it is for before it; the key may be
// "__typename", "!denied" or "!introspection".
package plantext

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/scanner"

	"souk/router/operation"
	"souk/router/plan"
)

// Parse reads a plan. The query of each step is "step N" and what it selects.
func Parse(text string) (p *plan.Plan, err error) {
	r := &reader{plan: &plan.Plan{PossibleTypes: map[string][]string{}, EnumValues: map[string][]string{}}}
	r.scan.Init(strings.NewReader(text))
	r.scan.Mode = scanner.ScanIdents | scanner.ScanInts
	r.scan.Error = func(*scanner.Scanner, string) {}
	defer func() {
		if message := recover(); message != nil {
			p, err = nil, fmt.Errorf("%v at %s", message, r.scan.Position)
		}
	}()
	r.next()
	for r.token != "" {
		r.statement()
	}
	return r.plan, nil
}

type reader struct {
	scan  scanner.Scanner
	token string
	plan  *plan.Plan
}

func (r *reader) next() string {
	was := r.token
	if r.scan.Scan() == scanner.EOF {
		r.token = ""
	} else {
		r.token = r.scan.TokenText()
	}
	return was
}

func (r *reader) accept(token string) bool {
	if r.token != token {
		return false
	}
	r.next()
	return true
}

func (r *reader) expect(token string) {
	if !r.accept(token) {
		panic(fmt.Sprintf("%q where %q should be", r.token, token))
	}
}

func (r *reader) statement() {
	switch word := r.next(); word {
	case "query", "mutation", "subscription":
		r.plan.Kind, r.plan.RootType = kind(word), r.next()
	case "possible":
		name := r.next()
		r.plan.PossibleTypes[name] = r.names()
	case "enum":
		name := r.next()
		r.plan.EnumValues[name] = r.names()
	case "interfaceObjects":
		r.plan.InterfaceObjects = r.names()
	case "fetch", "mutate", "subscribe", "entities":
		r.step(word)
	case "defer":
		d := &plan.Deferred{ID: r.int(), Label: r.next()}
		if r.accept("in") {
			d.Parent = r.int()
		}
		for _, segment := range r.path() {
			d.Path = append(d.Path, segment.Key)
		}
		r.plan.Deferred = append(r.plan.Deferred, d)
	case "answer":
		r.plan.Projection = r.projection()
	default:
		panic(fmt.Sprintf("unknown statement %q", word))
	}
}

func kind(word string) operation.Kind {
	return operation.Kind(slices.Index([]string{"query", "mutation", "subscription"}, word))
}

func (r *reader) int() int {
	n, err := strconv.Atoi(r.next())
	if err != nil {
		panic(err)
	}
	return n
}

// names reads ": A B" up to the end of the line.
func (r *reader) names() []string {
	line := r.scan.Line
	r.expect(":")
	names := []string{}
	for r.token != "" && r.scan.Line == line {
		names = append(names, r.next())
	}
	return names
}

// types reads "<A B>", nil if there is none.
func (r *reader) types(open, end string) []string {
	if !r.accept(open) {
		return nil
	}
	types := []string{}
	for !r.accept(end) {
		types = append(types, r.next())
	}
	return types
}

func (r *reader) step(word string) {
	s := &plan.Step{ID: len(r.plan.Steps), Subgraph: r.next()}
	r.plan.Steps = append(r.plan.Steps, s)
	for more := true; more; {
		switch {
		case r.accept("after"):
			s.After = append(s.After, r.int())
			for r.accept(",") {
				s.After = append(s.After, r.int())
			}
		case r.accept("defer"):
			s.Defer = r.int()
		case r.accept("vars"):
			for ok := true; ok; ok = r.accept(",") {
				s.Variables = append(s.Variables, operation.VariableDefinition{Name: r.next(), Type: "Any"})
			}
		case r.token == "@" && word != "entities":
			s.Path = r.path()
		default:
			more = false
		}
	}
	query := fmt.Sprintf("query step%d", s.ID)
	if word == "entities" {
		s.Kind = plan.Entities
		query += "{"
		for strings.HasPrefix(r.token, "_e") {
			e := r.entity()
			s.Entities = append(s.Entities, e)
			query += e.Alias + ":_entities(representations:$" + e.Variable + "){... on X" + shapeText(e.Shape) + "}"
		}
		s.Query = query + "}"
		return
	}
	s.Kind = plan.Fetch
	switch word {
	case "mutate":
		s.OperationKind = operation.Mutation
	case "subscribe":
		s.OperationKind, s.Kind = operation.Subscription, plan.Subscribe
	}
	r.expect(":")
	s.Shape = r.shape()
	s.Query = query + shapeText(s.Shape)
}

func shapeText(fields []*plan.ShapeField) string {
	var b strings.Builder
	b.WriteString("{")
	for _, f := range fields {
		b.WriteString(" " + f.Wire)
		if f.Fields != nil {
			b.WriteString(shapeText(f.Fields))
		}
	}
	return b.String() + "}"
}

// path reads "@a.b(A B).c"; a single "@" is the root.
func (r *reader) path() []plan.Segment {
	var path []plan.Segment
	line := r.scan.Line
	r.expect("@")
	for r.scan.Line == line && r.token != "<" && r.token != "." {
		path = append(path, plan.Segment{Key: r.next(), Types: r.types("(", ")")})
		if !r.accept(".") {
			break
		}
	}
	return path
}

func (r *reader) entity() *plan.EntityFetch {
	e := &plan.EntityFetch{Alias: r.next(), Variable: r.next()}
	for ok := true; ok; ok = r.accept("&") {
		t := plan.Target{Path: r.path()}
		for r.token != "&" && r.token != ":" {
			rep := plan.Representation{On: r.types("<", ">"), Typename: r.next()}
			rep.Fields = r.representation()
			t.Representations = append(t.Representations, rep)
		}
		e.Targets = append(e.Targets, t)
	}
	r.expect(":")
	e.Shape = r.shape()
	return e
}

func (r *reader) representation() []plan.RepresentationField {
	r.expect("{")
	fields := []plan.RepresentationField{}
	for !r.accept("}") {
		f := plan.RepresentationField{On: r.types("<", ">"), Name: r.next()}
		f.Key = f.Name
		if r.accept("=") {
			f.Key = r.next()
		}
		if r.token == "{" {
			f.Fields = r.representation()
		}
		fields = append(fields, f)
	}
	return fields
}

func (r *reader) shape() []*plan.ShapeField {
	r.expect("{")
	fields := []*plan.ShapeField{}
	for !r.accept("}") {
		f := &plan.ShapeField{Wire: r.next()}
		f.Key = f.Wire
		if r.accept(">") {
			f.Key = r.next()
		}
		if r.token == "{" {
			f.Fields = r.shape()
		}
		fields = append(fields, f)
	}
	return fields
}

func (r *reader) projection() []*plan.Field {
	r.expect("{")
	fields := []*plan.Field{}
	for !r.accept("}") {
		f := &plan.Field{On: r.types("<", ">"), Name: r.next()}
		f.Key = f.Name
		source := ""
		if r.accept("=") {
			if r.accept("!") {
				source = r.next()
			} else {
				f.Key = r.next()
			}
		}
		if source != "" {
			f.Source, f.Key = plan.FieldSource(source), ""
			f.Selection = &operation.Field{Name: f.Name, Alias: f.Name}
			if f.Source == plan.Denied {
				f.Selection.Denied = &operation.Denial{Code: "UNAUTHORIZED_FIELD_OR_TYPE", Message: "You may not see " + f.Name + "."}
			}
		}
		r.expect(":")
		f.Type = r.typeText()
		if f.Key == "__typename" {
			f.Source = plan.Typename
		}
		if r.accept("defer") {
			f.Defer = r.int()
		}
		if r.token == "{" {
			f.Fields = r.projection()
		}
		f.Kind = r.kindOf(strings.Trim(f.Type, "[]!"), f.Fields != nil)
		fields = append(fields, f)
	}
	return fields
}

func (r *reader) typeText() string {
	t := ""
	for r.accept("[") {
		t += "["
	}
	t += r.next()
	for r.token == "]" || r.token == "!" {
		t += r.next()
	}
	return t
}

func (r *reader) kindOf(name string, composite bool) plan.TypeKind {
	switch {
	case composite && r.plan.PossibleTypes[name] != nil:
		return plan.Interface
	case composite:
		r.plan.PossibleTypes[name] = nil
		return plan.Object
	case r.plan.EnumValues[name] != nil:
		return plan.Enum
	case slices.Contains([]string{"Int", "Float", "String", "Boolean", "ID"}, name):
		return plan.TypeKind(name)
	default:
		return plan.Scalar
	}
}
