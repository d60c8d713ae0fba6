package console_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

type graph struct {
	ID        string
	Subgraphs []struct {
		Name, URL     string
		Types, Fields int
	}
	Types []graphType
}

type graphType struct {
	Name, Kind, Description, Owner string
	Subgraphs                      []string
	Keys                           []struct {
		Subgraph, Fields string
		Resolvable       bool
	}
	Values []struct{ Name, Description string }
	Fields []graphField
}

type graphField struct {
	Name, Type, Description, Owner string
	Deprecated                     *string
	Arguments                      []struct {
		Name, Type string
		Default    *string
	}
	Resolvers []struct {
		Subgraph           string
		Resolves, External bool
		Requires           *string
	}
}

func (g graph) field(t *testing.T, typeName, name string) graphField {
	t.Helper()
	for _, f := range g.typ(t, typeName).Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no field %s.%s", typeName, name)
	return graphField{}
}

func (g graph) typ(t *testing.T, name string) graphType {
	t.Helper()
	for _, one := range g.Types {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("no type %s", name)
	return graphType{}
}

func TestGraphShowsWhoResolvesWhat(t *testing.T) {
	s := newShop(t, nil)
	g := get[graph](t, s, "graph")
	var names []string
	for _, one := range g.Types {
		names = append(names, one.Name+" "+one.Kind)
	}
	if want := []string{"Mutation OBJECT", "Product OBJECT", "Query OBJECT", "Review OBJECT", "Size ENUM", "Subscription OBJECT"}; !reflect.DeepEqual(names, want) {
		t.Errorf("types %v, want %v", names, want)
	}
	if len(g.Subgraphs) != 2 || g.Subgraphs[0].Name != "catalog" || g.Subgraphs[0].Types != 5 || g.Subgraphs[1].Fields != 6 || !strings.HasPrefix(g.Subgraphs[0].URL, "http://127.0.0.1:") {
		t.Errorf("subgraphs %+v", g.Subgraphs)
	}
	product := g.typ(t, "Product")
	if product.Description != "A thing to buy." || product.Owner != "shop" || len(product.Keys) != 2 || product.Keys[1].Fields != "id" || product.Keys[1].Subgraph != "reviews" || !product.Keys[0].Resolvable {
		t.Errorf("%+v", product)
	}
	if f := g.field(t, "Product", "title"); f.Deprecated == nil || *f.Deprecated != "Use name." || f.Owner != "catalog" {
		t.Errorf("%+v", f)
	}
	if f := g.field(t, "Product", "weight"); len(f.Resolvers) != 2 || !f.Resolvers[0].Resolves || f.Resolvers[1].Resolves || !f.Resolvers[1].External {
		t.Errorf("%+v", f)
	}
	if f := g.field(t, "Product", "parcel"); f.Owner != "reviews" || len(f.Resolvers) != 1 || f.Resolvers[0].Requires == nil || *f.Resolvers[0].Requires != "weight" {
		t.Errorf("%+v", f)
	}
	if f := g.field(t, "Query", "products"); len(f.Arguments) != 1 || f.Arguments[0].Default == nil || *f.Arguments[0].Default != "2" || f.Type != "[Product!]!" {
		t.Errorf("%+v", f)
	}
	if size := g.typ(t, "Size"); len(size.Values) != 2 || size.Values[1].Description != "Not small." {
		t.Errorf("%+v", size)
	}
}

func TestGraphIsRevalidatedByTheSupergraph(t *testing.T) {
	s := newShop(t, nil)
	res, body := s.api(t, http.MethodGet, "graph", "")
	tag := res.Header.Get("ETag")
	if tag == "" || !strings.Contains(body, strings.Trim(tag, `"`)) || !strings.Contains(res.Header.Get("Cache-Control"), "no-cache") {
		t.Fatalf("%v", res.Header)
	}
	if res, body := s.api(t, http.MethodGet, "graph", "", "If-None-Match: "+tag); res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("%s %s", res.Status, body)
	}
	if strings.Contains(body, "s3cr3t") {
		t.Error("the response has a password")
	}
}
