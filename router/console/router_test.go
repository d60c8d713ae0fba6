package console_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// sdl is a supergraph of the subgraphs catalog and reviews.
const sdl = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) @link(url: "https://specs.apollo.dev/tag/v0.3") @link(url: "https://specs.apollo.dev/authenticated/v0.1", for: SECURITY) { query: Query mutation: Mutation subscription: Subscription }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @authenticated on FIELD_DEFINITION | OBJECT
directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT
scalar link__Import
scalar join__FieldSet
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph {
  CATALOG @join__graph(name: "catalog", url: "http://user:s3cr3t@catalog.invalid/graphql?key=s3cr3t")
  REVIEWS @join__graph(name: "reviews", url: "http://reviews.invalid/graphql")
}
type Query @join__type(graph: CATALOG) @join__type(graph: REVIEWS) {
  products(first: Int = 2): [Product!]! @join__field(graph: CATALOG)
  broken: String @join__field(graph: REVIEWS)
}
type Mutation @join__type(graph: CATALOG) { rename(id: ID!, name: String!): Product @join__field(graph: CATALOG) }
type Subscription @join__type(graph: CATALOG) { ticks: Product @join__field(graph: CATALOG) }
"A thing to buy."
type Product @join__type(graph: CATALOG, key: "id") @join__type(graph: REVIEWS, key: "id") @tag(name: "owner:shop") {
  id: ID!
  name: String @join__field(graph: CATALOG)
  "The old name. Owner: nobody"
  title: String @join__field(graph: CATALOG) @deprecated(reason: "Use name.")
  weight: Int @join__field(graph: CATALOG) @join__field(graph: REVIEWS, external: true)
  secret: String @join__field(graph: REVIEWS) @authenticated
  parcel: String @join__field(graph: REVIEWS, requires: "weight")
  size: Size @join__field(graph: CATALOG)
  reviews(last: Int): [Review!]! @join__field(graph: REVIEWS)
}
type Review @join__type(graph: REVIEWS) { text: String! }
enum Size @join__type(graph: CATALOG) { SMALL @join__enumValue(graph: CATALOG) "Not small." LARGE @join__enumValue(graph: CATALOG) }
`

// A shop is a router in front of two subgraphs, with its admin port.
type shop struct {
	*router.Reloadable
	config        config.Config
	routes        fstest.MapFS
	public, admin string
	token         string
	// broken makes the reviews subgraph respond with status 500.
	broken atomic.Bool
	// endless keeps subscriptions open.
	endless atomic.Bool
	// hold makes subgraphs wait until a channel is closed.
	hold atomic.Pointer[chan struct{}]
	// seen receives the headers of requests to subgraphs.
	seen atomic.Pointer[chan http.Header]
	// long makes the names of products 2 MB long.
	long atomic.Bool
}

const token = "console-t0ken"

func newShop(t testing.TB, change func(*config.Config)) *shop {
	t.Helper()
	return newShopFrom(t, sdl, change)
}

// newShopFrom starts a shop with a supergraph, or with that of the configured file if the
// supergraph is empty.
func newShopFrom(t testing.TB, supergraph string, change func(*config.Config)) *shop {
	t.Helper()
	s := &shop{config: config.Default(), token: token}
	s.config.OverrideSubgraphURLs = config.SubgraphURLs{}
	for name, answer := range map[string]func(string, []map[string]any) string{"catalog": catalog, "reviews": reviews} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var in struct {
				Query     string
				Variables map[string]json.RawMessage
			}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			var representations []map[string]any
			for _, v := range in.Variables {
				_ = json.Unmarshal(v, &representations) // others are not lists of objects
			}
			if name == "reviews" && s.broken.Load() {
				http.Error(w, "broken", http.StatusInternalServerError)
				return
			}
			if r.Header.Get("Accept") == "text/event-stream" {
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprint(w, "event: next\ndata: {\"data\":{\"ticks\":{\"__typename\":\"Product\",\"id\":\"1\",\"name\":\"n\"}}}\n\n")
				if s.endless.Load() {
					_ = http.NewResponseController(w).Flush() // the client may have gone
					<-r.Context().Done()
					return
				}
				fmt.Fprint(w, "event: complete\ndata:\n\n")
				return
			}
			if hold := s.hold.Load(); hold != nil {
				<-*hold
			}
			if seen := s.seen.Load(); seen != nil {
				*seen <- r.Header
			}
			w.Header().Set("Content-Type", "application/json")
			out := answer(in.Query, representations)
			if s.long.Load() {
				out = strings.Replace(out, `"name":"n`, `"name":"`+strings.Repeat("n", 2<<20), 1)
			}
			fmt.Fprint(w, out)
		}))
		t.Cleanup(server.Close)
		s.config.OverrideSubgraphURLs[name] = []string{server.URL + "/graphql"}
	}
	s.config.Admin.Console.Enabled, s.config.Admin.Console.Token = true, token
	s.config.Subscriptions.All.Protocol = "sse"
	if change != nil {
		change(&s.config)
	}
	s.routes = fstest.MapFS{"products.graphql": {Data: []byte(`query products @rest(method: GET, path: "/api/products", result: "products") { products { id } }`)}}
	s.token = s.config.Admin.Console.Token
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if s.Reloadable, err = router.NewReloadable(t.Context(), s.config, router.Options{Supergraph: supergraph, Routes: s.routes, Telemetry: tel, Version: "1.2.3"}); err != nil {
		t.Fatal(err)
	}
	public, admin := httptest.NewServer(s.Handler()), httptest.NewServer(s.Admin())
	s.public, s.admin = public.URL, admin.URL
	t.Cleanup(func() {
		public.Close()
		admin.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// catalog answers for products 1 and 2.
func catalog(query string, _ []map[string]any) string {
	one := `{"__typename":"Product","id":"%d","name":"n%[1]d","title":"t","weight":3,"size":"SMALL"}`
	if strings.Contains(query, "rename") {
		return `{"data":{"rename":` + fmt.Sprintf(one, 1) + `}}`
	}
	return `{"data":{"products":[` + fmt.Sprintf(one, 1) + "," + fmt.Sprintf(one, 2) + `]}}`
}

func reviews(query string, representations []map[string]any) string {
	if strings.Contains(query, "broken") {
		return `{"data":{"broken":null},"errors":[{"message":"out of order","path":["broken"],"extensions":{"code":"OUT_OF_ORDER"}}]}`
	}
	entities := make([]string, len(representations))
	for i := range entities {
		entities[i] = `{"__typename":"Product","parcel":"p","reviews":[{"text":"good"}]}`
	}
	return `{"data":{"_entities":[` + strings.Join(entities, ",") + `]}}`
}

// send posts an operation and returns the response with its body.
func (s *shop) send(t testing.TB, body string, header ...string) (*http.Response, string) {
	t.Helper()
	return request(t, http.MethodPost, s.public+"/graphql", body, append([]string{"Content-Type: application/json"}, header...)...)
}

// api calls an endpoint of the console.
func (s *shop) api(t testing.TB, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	if body != "" {
		header = append(header, "Content-Type: application/json")
	}
	if s.token != "" {
		header = append(header, "Authorization: Bearer "+s.token)
	}
	return request(t, method, s.admin+"/console/api/"+path, body, header...)
}

// get decodes the response of an endpoint.
func get[T any](t testing.TB, s *shop, path string) (value T) {
	t.Helper()
	res, body := s.api(t, http.MethodGet, path, "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Cache-Control") == "" {
		t.Fatalf("%s: %s %v %s", path, res.Status, res.Header, body)
	}
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatalf("%s: %v in %s", path, err, body)
	}
	return value
}

func request(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}
