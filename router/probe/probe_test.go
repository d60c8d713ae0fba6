package probe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/introspect"
	"souk/router/mock"
	"souk/router/operation"
	"souk/router/probe"
)

const shopSDL = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@requires", "@external"])
type Query { products: [Product!]! shelf: Shelf }
type Shelf { makers: [Maker!]! }
type Product @key(fields: "id") @key(fields: "sku") {
  id: ID! sku: String! name: String
  weight: Int! @external
  shipping: Int! @requires(fields: "weight")
}
type Maker @key(fields: "code { text }") { code: Code! name: String }
type Code { text: String! }
`

// shopAPI is what the subgraph executes.
const shopAPI = `
type Query { products: [Product!]! shelf: Shelf }
type Shelf { makers: [Maker!]! }
type Product { id: ID! sku: String! name: String weight: Int! shipping: Int! }
type Maker { code: Code! name: String }
type Code { text: String! }
`

// A request is what the subgraph gets.
type request struct {
	Query     string
	Variables struct{ Representations []map[string]any }
}

// A reply is a response before it is sent. Faults change it.
type reply struct {
	status int
	media  string
	body   map[string]any
}

// entities returns the entities of a reply, or nil.
func (r *reply) entities() []any {
	data, _ := r.body["data"].(map[string]any)
	list, _ := data["_entities"].([]any)
	return list
}

func (r *reply) setEntities(list []any) { r.body["data"] = map[string]any{"_entities": list} }

// A shop is a subgraph that does what it should, but for its fault.
type shop struct {
	t            *testing.T
	mock         *mock.Subgraph
	introspector *introspect.Introspector
	schema       *operation.Schema
	fault        func(request, *reply)
	header       http.Header // of the last request
}

func newShop(t *testing.T, sdl, api string, fault func(request, *reply)) *shop {
	t.Helper()
	m, err := mock.New(mock.Options{SDL: sdl})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := operation.NewSchema(api)
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t, m, introspect.New(schema), schema, fault, nil}
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.header = r.Header.Clone()
	var body bytes.Buffer
	var in request
	out := &reply{http.StatusOK, "application/graphql-response+json", map[string]any{}}
	if _, err := body.ReadFrom(r.Body); err != nil || json.Unmarshal(body.Bytes(), &in) != nil {
		out.status, out.body = http.StatusBadRequest, failure("the body is not JSON")
	} else {
		s.execute(in, body.Bytes(), out)
	}
	if s.fault != nil {
		s.fault(in, out)
	}
	w.Header().Set("Content-Type", out.media)
	w.WriteHeader(out.status)
	if err := json.NewEncoder(w).Encode(out.body); err != nil {
		s.t.Error(err)
	}
}

func failure(message string) map[string]any {
	return map[string]any{"errors": []any{map[string]any{"message": message}}}
}

func (s *shop) execute(in request, body []byte, out *reply) {
	if strings.Contains(in.Query, "__schema") {
		out.body["data"] = map[string]any{"__schema": s.introspected(in.Query)}
		return
	}
	recorder := httptest.NewRecorder()
	s.mock.ServeHTTP(recorder, httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, "/", bytes.NewReader(body)))
	if err := json.Unmarshal(recorder.Body.Bytes(), &out.body); err != nil {
		s.t.Error(err)
	}
	if out.body["errors"] != nil {
		out.status = http.StatusBadRequest
		return
	}
	for i, each := range out.entities() {
		representation := in.Variables.Representations[i]
		if text, _ := json.Marshal(representation); bytes.Contains(text, []byte("1999999999")) || bytes.Contains(text, []byte("-unknown")) {
			out.entities()[i] = nil
			out.body["errors"] = []any{map[string]any{"message": "not found", "path": []any{"_entities", i}}}
			continue
		}
		if entity := each.(map[string]any); entity["shipping"] != nil {
			entity["shipping"] = representation["weight"].(float64) * 2
		}
	}
}

func (s *shop) introspected(query string) any {
	document, err := s.schema.Parse(query, "")
	if err != nil {
		s.t.Fatal(err)
	}
	values, err := document.Variables(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.introspector.Answer(document.Operation(values).Selections[0].(*operation.Field), values)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// run checks a shop.
func run(t *testing.T, s http.Handler, change func(*probe.Options)) *probe.Report {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	o := probe.Options{URL: server.URL, Timeout: 10 * time.Second, Batch: 50}
	if change != nil {
		change(&o)
	}
	report, err := probe.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// found returns the names of the checks with a status, each once, sorted.
func found(r *probe.Report, statuses ...probe.Status) []string {
	names := map[string]bool{}
	for _, x := range r.Results {
		if slices.Contains(statuses, x.Status) {
			names[string(x.Check)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func text(t *testing.T, r *probe.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A subgraph that does what it should passes all checks.
func TestGoodSubgraphPasses(t *testing.T) {
	r := run(t, newShop(t, shopSDL, shopAPI, nil), nil)
	if bad := found(r, probe.Fail, probe.Warn, probe.Skip); len(bad) > 0 {
		t.Errorf("got %v\n%s", bad, text(t, r))
	}
	var all []string
	for _, c := range probe.Checks {
		all = append(all, string(c.Name))
	}
	slices.Sort(all)
	if passed := found(r, probe.Pass); !slices.Equal(passed, all) {
		t.Errorf("passed are %v, want all: %v", passed, all)
	}
}

// asksFor is a condition of faults: the request has several representations.
func several(in request) bool { return len(in.Variables.Representations) > 1 }

// Each fault is found, by the check with its name.
func TestFaultsAreFoundByName(t *testing.T) {
	entity := func(change func(in request, list []any) []any) func(request, *reply) {
		return func(in request, r *reply) {
			if list := r.entities(); list != nil {
				r.setEntities(change(in, list))
			}
		}
	}
	for _, c := range []struct {
		fault string
		want  string // the check that fails
		sdl   string // instead of shopSDL
		api   string // instead of shopAPI
		make  func(request, *reply)
	}{
		{fault: "no query works", want: "reachable", make: func(in request, r *reply) {
			if in.Query == "{ __typename }" {
				r.body = failure("who are you?")
			}
		}},
		{fault: "HTML as media type", want: "content-type", make: func(_ request, r *reply) { r.media = "text/html" }},
		{fault: "status 200 for a syntax error", want: "syntax-error", make: func(_ request, r *reply) { r.status = http.StatusOK }},
		{fault: "status 500 for an invalid document", want: "validation-error", make: func(in request, r *reply) {
			if strings.Contains(in.Query, "soukProbe") {
				r.status = http.StatusInternalServerError
			}
		}},
		{fault: "unknown fields are ignored", want: "validation-error", make: func(in request, r *reply) {
			if strings.Contains(in.Query, "soukProbe") {
				r.status, r.body = http.StatusOK, map[string]any{"data": map[string]any{}}
			}
		}},
		{fault: "status 500 for a body that is not JSON", want: "invalid-json", make: func(_ request, r *reply) {
			if r.status == http.StatusBadRequest && r.body["data"] == nil && strings.Contains(fmt.Sprint(r.body), "not JSON") {
				r.status = http.StatusInternalServerError
			}
		}},
		{fault: "no _service", want: "service-sdl", make: func(in request, r *reply) {
			if strings.Contains(in.Query, "_service") {
				r.body = failure("Cannot query field _service")
			}
		}},
		{fault: "a key with an unknown field", want: "sdl", sdl: strings.Replace(shopSDL, `@key(fields: "sku")`, `@key(fields: "code")`, 1)},
		{fault: "an old SDL", want: "introspection", api: strings.Replace(shopAPI, "name: String weight", "name: String price: Int weight", 1)},
		{fault: "no _entities", want: "entities", make: func(in request, r *reply) {
			if strings.Contains(in.Query, "_entities") {
				r.body = failure("Cannot query field _entities")
			}
		}},
		{fault: "a crash for an unknown type", want: "unknown-typename", make: func(_ request, r *reply) {
			if strings.Contains(fmt.Sprint(r.body), "SoukProbeUnknownType") {
				r.status = http.StatusInternalServerError
			}
		}},
		{fault: "null for entities that exist", want: "entity", make: entity(func(_ request, list []any) []any { return make([]any, len(list)) })},
		{fault: "no reference resolver", want: "entity", make: func(_ request, r *reply) {
			if len(r.entities()) > 0 {
				r.body = failure("not implemented: findProductByID")
			}
		}},
		{fault: "another type", want: "entity-typename", make: entity(func(_ request, list []any) []any { return named(list, "Shelf") })},
		{fault: "another entity", want: "entity-key", make: entity(func(_ request, list []any) []any {
			return changed(list, "id", "sku", "code")
		})},
		{fault: "a field that needs more than the key", want: "entity-fields", make: func(in request, r *reply) {
			if strings.Contains(in.Query, " name }") {
				r.body["errors"] = failure("cannot read properties of undefined")["errors"]
			}
		}},
		{fault: "order of the database", want: "entity-order", make: entity(func(in request, list []any) []any {
			if !several(in) || len(list) != 5 {
				return list
			}
			slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			return list
		})},
		{fault: "duplicates removed", want: "entity-duplicates", make: entity(func(_ request, list []any) []any {
			return slices.CompactFunc(list, func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
		})},
		{fault: "a limit of 10 entities", want: "entity-batch", make: entity(func(_ request, list []any) []any { return list[:min(len(list), 10)] })},
		{fault: "one unknown entity fails all", want: "entity-unknown", make: func(_ request, r *reply) {
			if slices.Contains(r.entities(), nil) {
				r.body = map[string]any{"data": nil, "errors": failure("not found")["errors"]}
			}
		}},
		{fault: "unknown entities are left out", want: "entity-unknown", make: entity(func(_ request, list []any) []any {
			return slices.DeleteFunc(list, func(e any) bool { return e == nil })
		})},
		{fault: "errors without a path", want: "error-path", make: func(_ request, r *reply) {
			if slices.Contains(r.entities(), nil) {
				r.body["errors"] = failure("not found")["errors"]
			}
		}},
		{fault: "@requires ignored", want: "requires", make: entity(func(_ request, list []any) []any {
			for _, e := range list {
				if fields, ok := e.(map[string]any); ok && fields["shipping"] != nil {
					fields["shipping"] = 5
				}
			}
			return list
		})},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			sdl, api := shopSDL, shopAPI
			if c.sdl != "" {
				sdl = c.sdl
			}
			if c.api != "" {
				api = c.api
			}
			r := run(t, newShop(t, sdl, api, c.make), nil)
			if bad := found(r, probe.Fail, probe.Warn); !slices.Contains(bad, c.want) || !r.Failed(true) {
				t.Errorf("found %v, want %s\n%s", bad, c.want, text(t, r))
			}
			for _, x := range r.Results {
				if x.Status == probe.Fail && x.Detail == "" {
					t.Errorf("%s does not say why it fails", x.Check)
				}
			}
		})
	}
}

func named(list []any, name string) []any {
	for _, e := range list {
		if fields, ok := e.(map[string]any); ok {
			fields["__typename"] = name
		}
	}
	return list
}

func changed(list []any, names ...string) []any {
	for _, e := range list {
		for _, name := range names {
			if fields, ok := e.(map[string]any); ok && fields[name] != nil {
				fields[name] = "other"
			}
		}
	}
	return list
}

// Given representations are used, and headers are sent.
func TestRepresentationsAndHeadersAreGiven(t *testing.T) {
	sdl := strings.NewReplacer("products: [Product!]!", "product(id: ID!): Product", "shelf: Shelf", "").Replace(shopSDL)
	api := strings.NewReplacer("products: [Product!]!", "product(id: ID!): Product", "shelf: Shelf", "").Replace(shopAPI)
	s := newShop(t, sdl, api, nil)
	if r := run(t, s, nil); !slices.Contains(found(r, probe.Skip), "entity") {
		t.Errorf("entities are found that no root field returns\n%s", text(t, r))
	}
	one, err := probe.ParseRepresentation(`Product{"id":"7","sku":"SKU-00007","weight":3}`)
	if err != nil {
		t.Fatal(err)
	}
	more, err := probe.ReadRepresentations([]byte(`[{"__typename":"Maker","code":{"text":"A"}},{"__typename":"Product","id":"8","sku":"SKU-00008","weight":4}]`))
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, s, func(o *probe.Options) {
		o.Representations, o.Headers = slices.Concat(more, []probe.Representation{one}), map[string]string{"Authorization": "Bearer x"}
	})
	if bad := found(r, probe.Fail, probe.Warn); len(bad) > 0 || s.header.Get("Authorization") != "Bearer x" {
		t.Errorf("got %v and headers %v\n%s", bad, s.header, text(t, r))
	}
	for _, wrong := range []string{`Product`, `{"id":"1"}`, `Product{id: 1}`, `Product{"id":"1"} x`} {
		if _, err := probe.ParseRepresentation(wrong); err == nil {
			t.Errorf("%s: got no error", wrong)
		}
	}
}

// A subgraph that does not respond is an error, after the time-out at the latest.
func TestSubgraphThatDoesNotRespondIsAnError(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	_, err := probe.Run(t.Context(), probe.Options{URL: server.URL, Timeout: 10 * time.Millisecond, Batch: 1})
	if err == nil || !strings.Contains(err.Error(), "it did not respond within 10ms") {
		t.Errorf("got %v", err)
	}
}

// A check that is skipped says why, also if the subgraph does not.
func TestSkippedIntrospectionSaysWhy(t *testing.T) {
	s := newShop(t, shopSDL, shopAPI, func(in request, r *reply) {
		if strings.Contains(in.Query, "__schema") {
			r.body = map[string]any{"data": map[string]any{"__schema": nil}}
		}
	})
	for _, x := range run(t, s, nil).Results {
		if x.Check == "introspection" {
			if want := "introspection is not possible: the response has no __schema and no error"; x.Status != probe.Skip || x.Detail != want {
				t.Errorf("got %s %q, want it skipped with %q", x.Status, x.Detail, want)
			}
			return
		}
	}
	t.Error("introspection is not reported")
}
