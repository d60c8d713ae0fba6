package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/internal/loopback/loopbacktest"
	"souk/router/mock"
)

const testedSDL = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
type Query { products: [Product!]! }
type Product @key(fields: "id") { id: ID! name: String }
type Maker @key(fields: "id") { id: ID! }
`

// The exit status of `souk subgraph test` tells a good subgraph from a faulty one and from
// one that does not respond. Representations are read from the command line and from files.
func TestSubgraphTest(t *testing.T) {
	m, err := mock.New(mock.Options{SDL: testedSDL})
	if err != nil {
		t.Fatal(err)
	}
	good := httptest.NewServer(m)
	defer good.Close()
	faulty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"data":{"_service":{"sdl":"type Query { a: Int }"},"_entities":[]}}`))
	}))
	defer faulty.Close()
	dir := writeFiles(t, map[string]string{"known.json": `[{"__typename":"Maker","id":"1"}]`, "wrong.json": `{}`,
		"number.json": `[1]`, "twice.json": `[{"__typename":"Maker","id":"1","id":"2"}]`, "mark.json": "\ufeff" + `[{"__typename":"Maker","id":"1"}]`,
		"null.json": `[{"__typename":"Product","id":null}]`})

	p := soukIn(t, dir, nil, "subgraph", "test", "--representation", "@known.json", "--representation", `Maker{"id":"2"}`, good.URL)
	if status := p.wait(t); status != 0 || !strings.Contains(p.stdout.String(), `pass entity-order Maker @key(fields: "id"): 2 entities`) {
		t.Errorf("got status %d and\n%s%s", status, &p.stdout, &p.stderr)
	}
	p = soukIn(t, dir, nil, "subgraph", "test", "--json", good.URL)
	var report struct {
		Results []struct{ Check, Status string }
		Counts  map[string]int
	}
	if status := p.wait(t); status != 0 || json.Unmarshal([]byte(p.stdout.String()), &report) != nil || len(report.Results) == 0 || report.Counts["skip"] == 0 {
		t.Errorf("got status %d and\n%s%s", status, &p.stdout, &p.stderr)
	}
	souk(t, nil, "subgraph", "test", "--strict", good.URL).fails(t, "0 checks failed, 1 check warned")
	souk(t, nil, "subgraph", "test", faulty.URL).fails(t, "the subgraph is not what routers need: ")
	souk(t, nil, "subgraph", "test", "http://"+loopbacktest.Address(t)+"/graphql").refuses(t, "no response from http://")
	redirects := httptest.NewServer(http.RedirectHandler(good.URL, http.StatusMovedPermanently))
	defer redirects.Close()
	souk(t, nil, "subgraph", "test", redirects.URL).refuses(t, redirects.URL+" redirects to "+good.URL+" with status 301; name the URL of the subgraph itself")
	for representation, want := range map[string]string{
		"@wrong.json":          "--representation: wrong.json: it must be a JSON list of objects with __typename, but is an object",
		"@number.json":         "number.json: it must be a JSON list of objects with __typename, but item 1 is a number",
		"@twice.json":          `twice.json: it must be a JSON list of objects with __typename: second member "id" of an object at byte 32`,
		`Maker{"id":1,"id":2}`: `second member "id" of an object at byte 8`,
		"Product{}":            `the representation of "Product" has the fields of no @key of Product, or null for one; its keys are "id"`,
		`Product{"name":"A"}`:  "has the fields of no @key of Product",
		"@null.json":           "has the fields of no @key of Product",
	} {
		soukIn(t, dir, nil, "subgraph", "test", "--representation", representation, good.URL).refuses(t, want)
	}
	soukIn(t, dir, nil, "subgraph", "test", "--representation", "@mark.json", good.URL).done(t)
	souk(t, nil, "subgraph", "test", "--representation", "Maker", good.URL).refuses(t, `"Maker" must be a type and its fields in JSON`)
	souk(t, nil, "subgraph", "test", "--representation", `Prodct{"id":"1"}`, good.URL).refuses(t, `the representation of "Prodct" is of no entity of the subgraph; did you mean Product?`)
	souk(t, nil, "subgraph", "test", "--representation", `Query{"id":"1"}`, good.URL).refuses(t, `the representation of "Query" is of no entity of the subgraph; entities are Product, Maker`)
	souk(t, nil, "subgraph", "test", "--header", "Authorization", good.URL).refuses(t, `--header is "Authorization"`)
	souk(t, nil, "subgraph", "test", "--header", "A: b\r\nC: d", good.URL).refuses(t, `--header is "A: b\r\nC: d", which cannot be sent`)
	souk(t, nil, "subgraph", "test", "localhost:4001").refuses(t, `"localhost:4001" is not the URL of a subgraph`)
}
