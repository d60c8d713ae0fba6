package execute_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/plan"
)

// contextPlan fetches objects of two types from a, each with a price whose currency
// comes from the enclosing object.
func contextPlan(currency string) *plan.Plan {
	id := []plan.RepresentationField{{Name: "id", StorageKey: "id"}}
	field := func(name string, selections ...plan.Selection) *plan.SelectedField {
		return &plan.SelectedField{Name: name, ResponseKey: name, StorageKey: name, Selections: selections}
	}
	price := field("step1")
	price.Arguments = []operation.Argument{{Name: "label", Value: `"é $c"`}, {Name: "in", Value: "$c", Variables: []string{"c"}}}
	p := &plan.Plan{
		RootType: "Query",
		Fetches: []*plan.Fetch{
			{ID: 0, Kind: plan.RootFetch, Subgraph: "a", Query: "{all{currency p{id}} step0}", Selections: plan.Selections{
				field("all", field("currency"), field("p", field("id")))}},
			{ID: 1, Kind: plan.EntitiesFetch, Subgraph: "b", DependsOn: []int{0},
				Entities: []*plan.EntityFetch{{
					ResponseKey: "_entities", Variable: "r", Selections: plan.Selections{&plan.InlineFragment{On: "P", Selections: plan.Selections{price}}},
					Targets: []plan.Target{{Path: []plan.Segment{{StorageKey: "all"}, {StorageKey: "p"}}, Representations: []plan.Representation{{Typename: "P", Fields: id}}}},
					Arguments: []plan.ContextArgument{{Variable: "c", Type: currency, Sources: []plan.ContextSource{
						{Depth: 1, Fields: []plan.RepresentationField{{Name: "currency", StorageKey: "currency"}}}}}},
				}}},
		},
		Projection: []*plan.Field{{ResponseKey: "all", StorageKey: "all", Type: "[A]", Kind: plan.Object, Fields: []*plan.Field{
			{ResponseKey: "p", StorageKey: "p", Type: "P", Kind: plan.Object, Fields: []*plan.Field{{ResponseKey: "price", StorageKey: "step1", Type: "Int", Kind: plan.Int}}}}}},
		PossibleTypes: map[string][]string{"A": {"A"}, "P": {"P"}, "Query": {"Query"}},
	}
	p.Fetches[1].Query = p.Fetches[1].GraphQL()
	return p
}

func contextProgram(t *testing.T, currency string) *execute.Program {
	t.Helper()
	program, err := execute.Compile(contextPlan(currency))
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// An entity fetched with a value from an ancestor is cached for that value only.
func TestEntitiesAreCachedByTheirContextValues(t *testing.T) {
	cache := &memory{kept: map[string]execute.Found{}, covers: func(s *execute.CacheSelection) bool { return s.Root == nil }}
	transport := &canned{t: t, answers: map[string]string{
		"0": `{"data":{"all":[{"currency":"EUR","p":{"id":1}},{"currency":"USD","p":{"id":1}},{"currency":"EUR","p":{"id":1}}]}}`,
		"1": "Cache-Control: max-age=60\n" + `{"data":{"_e0":[{"step1":1}],"_e1":[{"step1":2}]}}`,
	}}
	executor := execute.New(execute.Options{Transport: transport, Cache: cache})
	program := contextProgram(t, "String")
	for round, requests := range []int{2, 1} {
		transport.requests = nil
		response := executor.Execute(t.Context(), &execute.Request{Program: program})
		if want := `{"data":{"all":[{"p":{"price":1}},{"p":{"price":2}},{"p":{"price":1}}]}}`; string(response.Body) != want {
			t.Errorf("round %d: got %s, want %s", round, response.Body, want)
		}
		if len(transport.requests) != requests {
			t.Errorf("round %d: got requests %q", round, transport.requests)
		}
		response.Release()
	}
	if want := "[{c \"EUR\"}] {\"__typename\":\"P\",\"id\":1} = {\"step1\":1}"; !strings.Contains(plainText(cache.texts()), want) {
		t.Errorf("stored %s, want %s", plainText(cache.texts()), want)
	}
}

// Operations have their name also if context values divide the entities.
func TestOperationsWithContextValuesAreNamed(t *testing.T) {
	p := contextPlan("String")
	p.Fetches[1].OperationName = "Shop__b__1"
	program, err := execute.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	transport := &recording{canned: &canned{t: t, answers: map[string]string{
		"0": `{"data":{"all":[{"currency":"EUR","p":{"id":1}},{"currency":"USD","p":{"id":1}}]}}`,
		"1": `{"data":{"_e0":[{"step1":1}],"_e1":[{"step1":2}]}}`,
	}}}
	execute.New(execute.Options{Transport: transport}).Execute(t.Context(), &execute.Request{Program: program}).Release()
	if sent := transport.bodies[1]; !strings.HasPrefix(sent, `{"query":"query Shop__b__1($`) || !strings.Contains(sent, "_e1:_entities") {
		t.Errorf("got %s", sent)
	}
}

// recording keeps the bodies of requests, which are sent one by one.
type recording struct {
	*canned
	bodies []string
}

func (r *recording) Send(ctx context.Context, request *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	r.bodies = append(r.bodies, string(request.Body.B))
	return r.canned.Send(ctx, request)
}

// plainText prints the bytes of variables as text.
func plainText(s string) string {
	for _, currency := range []string{`"EUR"`, `"USD"`} {
		var numbers []string
		for _, b := range []byte(currency) {
			text, _ := json.Marshal(b)
			numbers = append(numbers, string(text))
		}
		s = strings.ReplaceAll(s, "["+strings.Join(numbers, " ")+"]", currency)
	}
	return s
}

// Objects whose context value is missing, or null although it must not be, are
// skipped. A null that is allowed is sent.
func TestMissingContextValueSkipsObjects(t *testing.T) {
	for name, c := range map[string]struct {
		currency, first, request, price string
	}{
		"null":                     {currency: "String", first: `{"currency":null,"p":{"id":1}}`, request: `1 b {"r":[{"__typename":"P","id":1}],"c":null}`, price: "7"},
		"null for a non-null type": {currency: "String!", first: `{"currency":null,"p":{"id":1}}`, price: "null"},
		"absent":                   {currency: "String", first: `{"p":{"id":1}}`, price: "null"},
		"escaped":                  {currency: "String!", first: `{"currency":"\"\u20ac","p":{"id":1}}`, request: `1 b {"r":[{"__typename":"P","id":1}],"c":"\"\u20ac"}`, price: "7"},
		"an object":                {currency: "String!", first: `{"currency":{"a":1},"p":{"id":1}}`, request: `1 b {"r":[{"__typename":"P","id":1}],"c":{"a":1}}`, price: "7"},
		"no entity":                {currency: "String!", first: `{"currency":"EUR","p":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &canned{t: t, answers: map[string]string{"0": `{"data":{"all":[` + c.first + `]}}`, "1": `{"data":{"_entities":[{"step1":7}]}}`}}
			response := execute.New(execute.Options{Transport: transport}).Execute(t.Context(), &execute.Request{Program: contextProgram(t, c.currency)})
			defer response.Release()
			want := `{"p":{"price":` + c.price + `}}`
			if c.price == "" {
				want = `{"p":null}`
			}
			if got := string(response.Body); !strings.HasPrefix(got, `{"data":{"all":[`+want+`]}`) {
				t.Errorf("got %s, want %s", got, want)
			}
			sent := slices.DeleteFunc(transport.requests, func(r string) bool { return strings.HasPrefix(r, "0") })
			if got := strings.Join(sent, "\n"); got != c.request {
				t.Errorf("got request %s, want %s", got, c.request)
			}
		})
	}
}

// The client's variables are sent with the context values of each request.
func TestContextValuesAreSentBesideVariables(t *testing.T) {
	p := contextPlan("String")
	price := p.Fetches[1].Entities[0].Selections.Flatten()[0]
	price.Arguments = []operation.Argument{{Name: "in", Value: "$c", Variables: []string{"c"}}, {Name: "by", Value: "$_v", Variables: []string{"_v"}}}
	p.Fetches[1].Entities[0].Selections = plan.Selections{&plan.InlineFragment{On: "P", Selections: plan.Selections{price}}}
	p.Fetches[1].Variables = []operation.VariableDefinition{{Name: "_v", Type: "Int", Default: "3"}}
	p.Fetches[1].Query = p.Fetches[1].GraphQL()
	program, err := execute.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	transport := &canned{t: t, answers: map[string]string{
		"0": `{"data":{"all":[{"currency":"EUR","p":{"id":1}},{"currency":"USD","p":{"id":2}}]}}`,
		"1": `{"data":{"_e0":[{"step1":1}],"_e1":[null]},"errors":[{"message":"no dollars","path":["_e1",0,"step1"]}]}`,
	}}
	response := execute.New(execute.Options{Transport: transport}).Execute(t.Context(), &execute.Request{Program: program, Variables: variables(t, `{"_v": 5}`)})
	defer response.Release()
	if want := `1 b {"_v":5,"__v0":[{"__typename":"P","id":1}],"__v1":"EUR","__v2":[{"__typename":"P","id":2}],"__v3":"USD"}`; transport.requests[1] != want {
		t.Errorf("got request %s, want %s", transport.requests[1], want)
	}
	if got := string(response.Body); !strings.Contains(got, `"path":["all",1,"p","price"]`) || !strings.Contains(got, `[{"p":{"price":1}},{"p":{"price":null}}]`) {
		t.Errorf("got %s", got)
	}
}
