package rest_test

import (
	"errors"
	"testing"

	"souk/router/rest"
)

// A value that could not be fetched is null like one that does not exist. The
// response says which it is.
func TestPartialResponseNamesWhatIsMissing(t *testing.T) {
	down := coded{error: errors.New("inventory is down"), code: "SUBREQUEST_HTTP_ERROR"}
	for _, test := range []struct {
		name   string
		stocks []any
		total  any
		want   string
	}{
		{name: "nothing is missing", stocks: []any{nil, nil, nil}, total: 3},
		{name: "in items of a list", stocks: []any{thing{"available": 1}, down, down}, total: 3, want: `"/*/stock"`},
		{name: "below an object that is written as its only member", stocks: []any{nil, nil, thing{"available": down}}, total: 3, want: `"/*/stock"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, g := newHandler(t, nil)
			list := g.root["products"].(func(map[string]any) any)
			g.root["products"] = func(arguments map[string]any) any {
				page := list(arguments).(thing)
				for i, stock := range test.stocks {
					page["nodes"].([]any)[i].(thing)["stock"] = stock
				}
				page["totalCount"] = test.total
				return page
			}
			exchange{request: "GET /api/products?total=true", status: 200, wantHeader: map[string]string{"Souk-Partial": test.want}}.run(t, h, g)
		})
	}
}

// A subgraph that is away has one error for all objects that lack its fields. What other
// subgraphs say is null is not missing.
func TestPartialResponseNamesFieldsOfASubgraph(t *testing.T) {
	for _, test := range []struct {
		name, service string
		path          []any
		want          string
	}{
		{name: "at the items", service: "inventory", path: []any{"products", "nodes"}, want: `"/*/stock"`},
		{name: "at one item", service: "inventory", path: []any{"products", "nodes", 1.0}, want: `"/*/stock"`},
		{name: "around the body", service: "inventory", path: []any{"products"}, want: `"/*/stock"`},
		{name: "of an unknown subgraph", path: []any{"products", "nodes"}, want: `"/*/imageUrl", "/*/stock"`},
		{name: "beside the body", service: "inventory", path: []any{"user"}, want: `""`},
		{name: "without a path", service: "inventory", want: `""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, g := newHandler(t, nil)
			list := g.root["products"].(func(map[string]any) any)
			g.root["products"] = func(arguments map[string]any) any {
				page := list(arguments).(thing)
				for _, node := range page["nodes"].([]any) {
					node.(thing)["stock"], node.(thing)["imageUrl"] = nil, nil
				}
				return page
			}
			g.errors = []rest.Error{{Message: "down", Path: test.path, Extensions: map[string]any{"code": "SUBREQUEST_HTTP_ERROR", "service": test.service}}}
			exchange{request: "GET /api/products", status: 200, wantHeader: map[string]string{"Souk-Partial": test.want}}.run(t, h, g)
		})
	}
}
