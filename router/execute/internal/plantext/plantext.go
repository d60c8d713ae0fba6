// Package plantext reads plans from a short text form, for tests.
//
//	query Query
//	possible Media: Book Movie
//	enum Color: RED GREEN
//	interfaceObjects: Media
//	fetch a : { products { __typename upc _i0 } }
//	entities b dependsOn 0 defer 1 vars x
//	  _entities representations @products(Book).author <Author>Author{id name=_i0} & @top Author{id} : { name posts { title } }
//	projection { items=products:[Product!]! { upc:ID! <Book>title:String } kind=__typename:String! }
//
// The IDs of fetches count from 0 in the order of the text; "dependsOn" lists those
// that a fetch depends on. A selected field is "responseKey>storageKey" where the
// two differ. A field of the projection is
// "responseKey=storageKey:Type" with the object types it is for before it; the
// key may be "__typename", "!denied" or "!introspection". After the type come the payload
// that delivers it, as in "defer 1", and others that select it: "also 2 also 3".
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

// Parse reads a plan. The operation of the fetch N is named stepN, for transports
// in tests to know which fetch a request is from.
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
		r.fetch(word)
	case "defer":
		d := &plan.DeferredPayload{ID: r.int(), Label: r.next()}
		if r.accept("in") {
			d.Parent = r.int()
		}
		for _, segment := range r.path() {
			d.Path = append(d.Path, segment.StorageKey)
		}
		r.plan.Deferred = append(r.plan.Deferred, d)
	case "projection":
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

func (r *reader) fetch(word string) {
	s := &plan.Fetch{ID: len(r.plan.Fetches), Subgraph: r.next()}
	r.plan.Fetches = append(r.plan.Fetches, s)
	for more := true; more; {
		switch {
		case r.accept("dependsOn"):
			s.DependsOn = append(s.DependsOn, r.int())
			for r.accept(",") {
				s.DependsOn = append(s.DependsOn, r.int())
			}
		case r.accept("defer"):
			s.DeferID = r.int()
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
		s.Kind = plan.EntitiesFetch
		query += "{"
		for strings.HasPrefix(r.token, "_e") {
			e := r.entity()
			s.Entities = append(s.Entities, e)
			query += e.GraphQL()
		}
		s.Query = query + "}"
		return
	}
	s.Kind = plan.RootFetch
	switch word {
	case "mutate":
		s.OperationKind = operation.Mutation
	case "subscribe":
		s.OperationKind, s.Kind = operation.Subscription, plan.SubscriptionFetch
	}
	r.expect(":")
	s.Selections = r.selections()
	s.Query = query + s.Selections.GraphQL()
}

// path reads "@a.b(A B).c"; a single "@" is the root.
func (r *reader) path() []plan.Segment {
	var path []plan.Segment
	line := r.scan.Line
	r.expect("@")
	for r.scan.Line == line && r.token != "<" && r.token != "." {
		path = append(path, plan.Segment{StorageKey: r.next(), Types: r.types("(", ")")})
		if !r.accept(".") {
			break
		}
	}
	return path
}

func (r *reader) entity() *plan.EntityFetch {
	e := &plan.EntityFetch{ResponseKey: r.next(), Variable: r.next()}
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
	e.Selections = plan.Selections{&plan.InlineFragment{On: "X", Selections: r.selections()}}
	return e
}

func (r *reader) representation() []plan.RepresentationField {
	r.expect("{")
	fields := []plan.RepresentationField{}
	for !r.accept("}") {
		f := plan.RepresentationField{On: r.types("<", ">"), Name: r.next()}
		f.StorageKey = f.Name
		if r.accept("=") {
			f.StorageKey = r.next()
		}
		if r.token == "{" {
			f.Fields = r.representation()
		}
		fields = append(fields, f)
	}
	return fields
}

func (r *reader) selections() plan.Selections {
	r.expect("{")
	fields := plan.Selections{}
	for !r.accept("}") {
		f := &plan.SelectedField{ResponseKey: r.next()}
		f.Name, f.StorageKey = f.ResponseKey, f.ResponseKey
		if r.accept(">") {
			f.StorageKey = r.next()
		}
		if r.token == "{" {
			f.Selections = r.selections()
		}
		fields = append(fields, f)
	}
	return fields
}

func (r *reader) projection() []*plan.Field {
	r.expect("{")
	fields := []*plan.Field{}
	for !r.accept("}") {
		f := &plan.Field{On: r.types("<", ">"), ResponseKey: r.next()}
		f.StorageKey = f.ResponseKey
		source := ""
		if r.accept("=") {
			if r.accept("!") {
				source = r.next()
			} else {
				f.StorageKey = r.next()
			}
		}
		if source != "" {
			f.Source, f.StorageKey = plan.FieldSource(source), ""
			switch f.Source {
			case plan.Introspection:
				f.Introspect = &plan.SelectedField{Name: f.ResponseKey, ResponseKey: f.ResponseKey}
			case plan.Denied:
				f.Denial = &operation.Denial{Code: "UNAUTHORIZED_FIELD_OR_TYPE", Message: "You may not see " + f.ResponseKey + "."}
			}
		}
		r.expect(":")
		f.Type = r.typeText()
		if f.StorageKey == "__typename" {
			f.Source = plan.Typename
		}
		if r.accept("defer") {
			f.DeferID = r.int()
		}
		for r.accept("also") {
			f.AlsoDeferredIn = append(f.AlsoDeferredIn, r.int())
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
