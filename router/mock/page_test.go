package mock_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk/router/mock"
)

const connected = `
type Query {
  node(id: ID!): Node
  products(first: Int, after: String, last: Int, before: String, kind: Kind): ProductConnection!
  users(limit: Int = 4, offset: Int): UserPage!
  latest(first: Int, ids: [ID!]): [Product!]!
}
interface Node { id: ID! }
enum Kind { SMALL LARGE }
type Product implements Node @key(fields: "id") @key(fields: "sku") { id: ID! sku: String! kind: Kind! reviews(first: Int): ReviewConnection! makerId: ID! maker: Maker! }
type Maker implements Node { id: ID! name: String! }
type ProductConnection { edges: [ProductEdge!]! nodes: [Product!]! totalCount: Int! pageInfo: PageInfo! }
type ProductEdge { cursor: String! node: Product! }
type ReviewConnection { edges: [ReviewEdge] totalCount: Int pageInfo: PageInfo! }
type ReviewEdge { node: Review }
type Review { stars: Int! }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
type UserPage { items: [User!]! total: Int! hasMore: Boolean! }
type User { id: ID! name: String! }
`

// A products is a page of products.
type products struct {
	Edges []struct {
		Cursor string
		Node   struct{ ID, Kind string }
	}
	Nodes      []struct{ ID string }
	TotalCount int
	PageInfo   struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
}

// query asks a mock of connected and decodes the data.
func query(t *testing.T, data any, text string) {
	t.Helper()
	m, err := mock.New(mock.Options{SDL: connected})
	if err != nil {
		t.Fatal(err)
	}
	body := ask(t, m, text, `{}`)
	if err := json.Unmarshal([]byte(body), &struct{ Data any }{data}); err != nil || !strings.HasPrefix(body, `{"data":`) {
		t.Fatalf("%s: got %v, %s", text, err, body)
	}
}

func productsPage(t *testing.T, arguments string) products {
	t.Helper()
	var data struct{ Products products }
	query(t, &data, `{ products`+arguments+` { edges { cursor node { id kind } } nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`)
	p := data.Products
	if len(p.Edges) != len(p.Nodes) {
		t.Fatalf("%s: got %d edges and %d nodes", arguments, len(p.Edges), len(p.Nodes))
	}
	for i, edge := range p.Edges {
		if edge.Node.ID != p.Nodes[i].ID {
			t.Errorf("%s: edge %d has node %s, not %s", arguments, i, edge.Node.ID, p.Nodes[i].ID)
		}
	}
	if n := len(p.Edges); n > 0 && (*p.PageInfo.StartCursor != p.Edges[0].Cursor || *p.PageInfo.EndCursor != p.Edges[n-1].Cursor) {
		t.Errorf("%s: the cursors of pageInfo are not those of the edges", arguments)
	}
	return p
}

// A client that follows the cursors gets every item once, in both directions.
func TestPagesOfAConnectionAgree(t *testing.T) {
	all := productsPage(t, `(first: 1000)`)
	if len(all.Nodes) != all.TotalCount || all.TotalCount < 10 || all.PageInfo.HasNextPage || all.PageInfo.HasPreviousPage {
		t.Fatalf("got %+v", all)
	}
	for _, direction := range []struct{ first, size, cursor string }{{"(first: 7)", "first: 7", "after"}, {"(last: 7)", "last: 7", "before"}} {
		forward := direction.cursor == "after"
		var pages []products
		for arguments := direction.first; ; {
			p := productsPage(t, arguments)
			pages = append(pages, p)
			more, at := p.PageInfo.HasNextPage, p.PageInfo.EndCursor
			if !forward {
				more, at = p.PageInfo.HasPreviousPage, p.PageInfo.StartCursor
			}
			if p.TotalCount != all.TotalCount || len(p.Nodes) != 7 && more {
				t.Fatalf("%s: got %+v", arguments, p)
			}
			if !more {
				break
			}
			arguments = fmt.Sprintf("(%s, %s: %q)", direction.size, direction.cursor, *at)
		}
		if !forward {
			slices.Reverse(pages)
		}
		var ids []string
		for _, p := range pages {
			for _, node := range p.Nodes {
				ids = append(ids, node.ID)
			}
		}
		want := make([]string, len(all.Nodes))
		for i, node := range all.Nodes {
			want[i] = node.ID
		}
		if !slices.Equal(ids, want) || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(want) {
			t.Errorf("%s: got %v, want %v", direction.size, ids, want)
		}
	}
	if empty := productsPage(t, `(first: 0)`); len(empty.Edges) != 0 || !empty.PageInfo.HasNextPage || empty.PageInfo.StartCursor != nil {
		t.Errorf("got %+v", empty)
	}
	for _, edge := range productsPage(t, `(kind: LARGE)`).Edges {
		if edge.Node.Kind != "LARGE" {
			t.Errorf("got a product of kind %s", edge.Node.Kind)
		}
	}
}

// Other lists have the items that are asked for, too.
func TestListsHaveTheItemsThatAreAskedFor(t *testing.T) {
	var data struct {
		Users struct {
			Items   []struct{ ID string }
			Total   int
			HasMore bool
		}
		Rest   struct{ Items []struct{ ID string } }
		Latest []struct{ ID string }
		Chosen []struct{ ID string }
	}
	query(t, &data, `{ users { items { id } total hasMore } rest: users(limit: 100, offset: 4) { items { id } } latest(first: 12) { id } chosen: latest(ids: [9, "4"]) { id } }`)
	if len(data.Users.Items) != 4 || !data.Users.HasMore || len(data.Rest.Items) != data.Users.Total-4 || data.Rest.Items[0] == data.Users.Items[3] {
		t.Errorf("got %+v and %+v", data.Users, data.Rest)
	}
	if len(data.Latest) != 12 {
		t.Errorf("got %d items", len(data.Latest))
	}
	if len(data.Chosen) != 2 || data.Chosen[0].ID != "9" || data.Chosen[1].ID != "4" {
		t.Errorf("got %+v", data.Chosen)
	}
	var reviews struct {
		Products struct {
			Nodes []struct {
				Reviews struct {
					Edges      []any
					TotalCount int
					PageInfo   struct{ HasNextPage bool }
				}
			}
		}
	}
	query(t, &reviews, `{ products { nodes { reviews { edges { node { stars } } totalCount pageInfo { hasNextPage } } } } }`)
	for _, node := range reviews.Products.Nodes {
		if r := node.Reviews; len(r.Edges) > r.TotalCount || (len(r.Edges) < r.TotalCount) != r.PageInfo.HasNextPage {
			t.Errorf("got %d of %d reviews, hasNextPage %t", len(r.Edges), r.TotalCount, r.PageInfo.HasNextPage)
		}
	}
}

// Query.node leads back to each object, by its ID and with its type.
func TestNodeReturnsTheObjectWithTheID(t *testing.T) {
	var data struct {
		Products struct {
			Nodes []struct {
				ID, SKU, MakerID string
				Maker            struct{ ID, Name string }
			}
		}
	}
	query(t, &data, `{ products(first: 5) { nodes { id sku makerId maker { id name } } } }`)
	for _, p := range data.Products.Nodes {
		var again struct {
			Product, Maker struct{ Typename, ID, SKU, Name string }
		}
		query(t, &again, fmt.Sprintf(`{ product: node(id: %q) { typename: __typename id ... on Product { sku } } maker: node(id: %q) { typename: __typename id ... on Maker { name } } }`, p.ID, p.Maker.ID))
		if got := again.Product; got.Typename != "Product" || got.ID != p.ID || got.SKU != p.SKU {
			t.Errorf("got %+v for %+v", got, p)
		}
		if got := again.Maker; got.Typename != "Maker" || got.ID != p.Maker.ID || got.Name != p.Maker.Name {
			t.Errorf("got %+v for %+v", got, p)
		}
		if p.MakerID != p.Maker.ID {
			t.Errorf("makerId is %s, but the maker has the ID %s", p.MakerID, p.Maker.ID)
		}
	}
}

// A service refuses a negative number of items, and a cursor that is none of its own. The error
// has the path of the field, which is null, or what it is in.
func TestPagingThatServicesRefuse(t *testing.T) {
	sdl := connected + `extend type Query { maybe(first: Int, after: String): ProductConnection dates(after: Date, before: Cursor): ProductConnection names(limit: Int): [String!] }
scalar Date
scalar Cursor
`
	m, err := mock.New(mock.Options{SDL: sdl})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{ maybe(first: -1) { totalCount } }`:                                 `{"data":{"maybe":null},"errors":[{"message":"The argument first is -1; it must not be negative.","path":["maybe"]}]}`,
		`{ a: maybe(after: "x") { totalCount } }`:                             `{"data":{"a":null},"errors":[{"message":"The argument after is \"x\", which is not a cursor of this list.","path":["a"]}]}`,
		`{ maybe(after: "Y3Vyc29yOi0x") { totalCount } }`:                     `{"data":{"maybe":null},"errors":[{"message":"The argument after is \"Y3Vyc29yOi0x\", which is not a cursor of this list.","path":["maybe"]}]}`,
		`{ products(last: -2) { totalCount } }`:                               `{"data":null,"errors":[{"message":"The argument last is -2; it must not be negative.","path":["products"]}]}`,
		`{ names(limit: -1) }`:                                                `{"data":{"names":null},"errors":[{"message":"The argument limit is -1; it must not be negative.","path":["names"]}]}`,
		`{ maybe(first: 1) { nodes { reviews(first: -1) { totalCount } } } }`: `{"data":{"maybe":null},"errors":[{"message":"The argument first is -1; it must not be negative.","path":["maybe","nodes",0,"reviews"]}]}`,
		`{ dates(before: "x") { totalCount } }`:                               `{"data":{"dates":null},"errors":[{"message":"The argument before is \"x\", which is not a cursor of this list.","path":["dates"]}]}`,
		`{ maybe(first: 0, after: "") { nodes { id } } }`:                     `{"data":{"maybe":{"nodes":[]}}}`,
		`{ maybe(first: 0, after: null) { nodes { id } } }`:                   `{"data":{"maybe":{"nodes":[]}}}`,
		`{ names(limit: 0) }`:                                                 `{"data":{"names":[]}}`,
	} {
		if got := ask(t, m, text, `{}`); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
	}
	if got := ask(t, m, `{ dates(after: "2026-01-01") { nodes { id } } }`, `{}`); strings.Contains(got, "errors") {
		t.Errorf("a date is no cursor: got %s", got)
	}
}
