package usage_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/router/operation"
	"souk/router/schemadiff"
	"souk/router/usage"
)

const sdl = `
	type Query {
		products(order: Order = NEW, filter: Filter, first: Int @deprecated(reason: "Use limit. Since 2026-03-01. Sunset: 2027-03-01.")): [Product!]
	}
	type Product { id: ID! name: String price: Int @deprecated(reason: "Use cost, since 2026-01-15") cost: Int }
	input Filter { brand: String @deprecated(reason: "gone soon") not: Filter orders: [Order!] }
	enum Order { NEW OLD @deprecated PRICE }
`

// uses returns the elements of an operation, those of its variables, and those that are deprecated.
func uses(t *testing.T, all bool, document, variables string) (*usage.Elements, []string) {
	t.Helper()
	schema, err := operation.NewSchema(sdl)
	if err != nil {
		t.Fatal(err)
	}
	d, err := schema.Parse(document, "")
	if err != nil {
		t.Fatal(err)
	}
	vars, err := d.Variables([]byte(variables))
	if err != nil {
		t.Fatal(err)
	}
	e := usage.NewSchema(schema.Definitions(), all, nil, func() {}).Of(d.Operation(vars))
	return e, e.Given(nil, vars)
}

func TestElementsOfDocumentsAndVariables(t *testing.T) {
	for name, c := range map[string]struct{ document, variables, want, deprecated, given string }{
		"fields": {`{ products { name price } }`, ``, "Product.name Product.price Query.products", "Product.price", ""},
		"arguments and literals": {`{ products(first: 1, order: OLD, filter: {not: {brand: "b"}}) { id } }`, ``,
			"Filter.brand Filter.not Order.OLD Product.id Query.products Query.products(filter:) Query.products(first:) Query.products(order:)", "Filter.brand Order.OLD Query.products(first:)", ""},
		"variables": {`query($f: Filter, $o: Order) { products(filter: $f, order: $o) { id } }`, `{"f": {"not": {"brand": "b", "orders": ["PRICE", "OLD"]}}, "o": "NEW"}`,
			"Product.id Query.products Query.products(filter:) Query.products(order:)", "", "Filter.brand Filter.not Filter.orders Order.NEW Order.OLD Order.PRICE"},
		"a default that no request uses": {`query($o: Order = OLD) { products(order: $o) { id } }`, `{"o": "NEW"}`,
			"Order.OLD Product.id Query.products Query.products(order:)", "Order.OLD", "Order.NEW"},
	} {
		t.Run(name, func(t *testing.T) {
			e, given := uses(t, true, c.document, c.variables)
			slices.Sort(given)
			if got := strings.Join(e.Coordinates, " "); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if got := strings.Join(e.Deprecated, " "); got != c.deprecated {
				t.Errorf("deprecated: got %s, want %s", got, c.deprecated)
			}
			if got := strings.Join(given, " "); got != c.given {
				t.Errorf("given: got %s, want %s", got, c.given)
			}
		})
	}
}

func TestOnlyDeprecatedElementsCount(t *testing.T) {
	if e, _ := uses(t, false, `{ products { name } }`, ``); e != nil {
		t.Errorf("got %v", e.Coordinates)
	}
	_, given := uses(t, false, `query($f: Filter) { products(filter: $f) { id } }`, `{"f": {"not": {"brand": "b", "orders": ["PRICE", "OLD"]}}}`)
	slices.Sort(given)
	if got := strings.Join(given, " "); got != "Filter.brand Order.OLD" {
		t.Errorf("got %s", got)
	}
}

// The dates come from the reasons of @deprecated; the earliest count.
func TestHeadersOfDeprecatedElements(t *testing.T) {
	for document, want := range map[string][2]string{
		`{ products { name } }`:                {"", ""},
		`{ products { price } }`:               {"@1768435200", ""},
		`{ products(first: 1) { name } }`:      {"@1772323200", "Mon, 01 Mar 2027 00:00:00 GMT"},
		`{ products(first: 1) { price } }`:     {"@1768435200", "Mon, 01 Mar 2027 00:00:00 GMT"},
		`{ products(order: OLD) { name } }`:    {"@0", ""},
		`{ products(order: PRICE) { cost } }`:  {"", ""},
		`{ products(filter: {}) { p: price }}`: {"@1768435200", ""},
	} {
		e, given := uses(t, false, document, "")
		h := http.Header{}
		e.Headers(h, given)
		if got := [2]string{h.Get("Deprecation"), h.Get("Sunset")}; got != want {
			t.Errorf("%s: got %q, want %q", document, got, want)
		}
	}
}

// The files are read by souk schema check, and name the clients.
func TestFilesHaveTheUsageByClient(t *testing.T) {
	dir := t.TempDir()
	e := usage.NewExporter(usage.ExporterOptions{Logger: slog.New(slog.DiscardHandler)})
	e.Configure(usage.Config{Directory: dir, Interval: time.Hour, Rotate: time.Hour, MaxFiles: 3})
	one, given := uses(t, true, `query($f: Filter) { products(filter: $f) { price } }`, `{"f": {"brand": "b"}}`)
	for range 3 {
		e.Count(one, given, usage.Client{Name: "web", Version: "1.2"})
	}
	e.Count(one, nil, usage.Client{Name: "app"})
	for i := range 100 { // more than there is room for
		e.Count(one, nil, usage.Client{Name: fmt.Sprint("junk", i)})
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "usage-*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Fields map[string]struct {
			Requests   int
			Deprecated bool
			Clients    []struct {
				Name     string
				Requests int
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if f := d.Fields["Product.price"]; f.Requests != 104 || !f.Deprecated || len(f.Clients) != 65 {
		t.Errorf("got %+v", f)
	}
	read := schemadiff.Usage{}
	if err := read.Parse(text); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(read["Filter.brand"]); got != "{3 [web 1.2] true false}" {
		t.Errorf("read %s", got)
	}
}

func TestOldFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	one, _ := uses(t, true, `{ products { name } }`, "")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		name := filepath.Join(dir, fmt.Sprintf("usage-%s-2026010%dT000000Z-1.json", host, i+1))
		if err := os.WriteFile(name, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := usage.NewExporter(usage.ExporterOptions{Logger: slog.New(slog.DiscardHandler)})
	e.Configure(usage.Config{Directory: dir, Interval: time.Hour, Rotate: time.Hour, MaxFiles: 3})
	e.Count(one, nil, usage.Client{Name: "web"})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) != 3 || !strings.Contains(files[0], "20260104") {
		t.Errorf("kept %v", files)
	}
}

// A usage that lacks elements must not make changes of them safe.
func TestUsageWithoutRoomIsIncomplete(t *testing.T) {
	var fields, roots, types strings.Builder
	for i := range 100 {
		fmt.Fprintf(&fields, " f%d", i)
	}
	const many = 200 // types, and so more than 20,000 fields with those of Query
	for i := range many {
		fmt.Fprintf(&roots, " t%d: T%d", i, i)
		fmt.Fprintf(&types, "type T%d {%s: Int }\n", i, strings.ReplaceAll(fields.String(), " f", ": Int f")[len(": Int"):])
	}
	schema, err := operation.NewSchema("type Query {" + roots.String() + " }\n" + types.String())
	if err != nil {
		t.Fatal(err)
	}
	counted := usage.NewSchema(schema.Definitions(), true, nil, func() {})
	dir := t.TempDir()
	e := usage.NewExporter(usage.ExporterOptions{Logger: slog.New(slog.DiscardHandler)})
	e.Configure(usage.Config{Directory: dir, Interval: time.Hour, Rotate: time.Hour, MaxFiles: 1})
	for i := range many {
		d, err := schema.Parse(fmt.Sprintf("{ t%d {%s } }", i, fields.String()), "")
		if err != nil {
			t.Fatal(err)
		}
		e.Count(counted.Of(d.Operation(nil)), nil, usage.Client{Name: "web"})
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("got the files %v, error %v", files, err)
	}
	written, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := (schemadiff.Usage{}).Parse(written); err == nil || !strings.Contains(err.Error(), "incomplete") {
		t.Errorf("got error %v", err)
	}
}
