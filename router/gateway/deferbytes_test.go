package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// wideSDL has a subgraph with long values and one that adds long values to its users.
var wideSDL = strings.NewReplacer(
	`enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }`, `enum join__Graph {
  A @join__graph(name: "a", url: "http://a.invalid/graphql")
  B @join__graph(name: "b", url: "http://b.invalid/graphql")
}
type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
  id: ID!
  name: String @join__field(graph: A)
  mood: String @join__field(graph: B)
  motto: String @join__field(graph: B)
  moods: [String!] @join__field(graph: B)
  strict: [String!]! @join__field(graph: B)
}`,
	`hello(name: String = "world"): String`, `hello(name: String = "world"): String me: User users: [User!] text: String texts: [String!] loose: [String] matrix: [[Int]]`,
).Replace(sdl)

const wideLimit = 1500

// A wideTransport responds with more than the limit.
type wideTransport struct{}

func (wideTransport) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	long := strings.Repeat("x", 1000)
	list := `["` + strings.TrimSuffix(strings.Repeat(long+`","`, 100), `,"`) + `]`
	query := string(r.Body.B)
	entity := fmt.Sprintf(`{"__typename":"User","mood":"%s","motto":"%s","moods":%s,"strict":%s}`, long, long, list, list)
	switch {
	case r.Subgraph == "b" && strings.Contains(query, `"9"`):
		return response(`{"data":{"_entities":[` + strings.TrimSuffix(strings.Repeat(entity+",", 10), ",") + `]}}`), nil
	case r.Subgraph == "b":
		return response(`{"data":{"_entities":[` + entity + `]}}`), nil
	}
	var users strings.Builder
	for i := range 10 {
		fmt.Fprintf(&users, `,{"__typename":"User","id":"%d","name":"Ada"}`, i)
	}
	numbers := "[" + strings.TrimSuffix(strings.Repeat("7,", 1000), ",") + "]"
	return response(fmt.Sprintf(`{"data":{"hello":"hi","me":{"__typename":"User","id":"1","name":"Ada"},"users":[%s],"text":"%s","texts":%s,"loose":%s,"matrix":[%s]}}`,
		users.String()[1:], strings.Repeat(long, 2), list, list, strings.TrimSuffix(strings.Repeat(numbers+",", 100), ","))), nil
}

func (wideTransport) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return io.EOF
}

// Each part of a response with deferred fragments is bounded, whatever has the bytes. A fragment that
// does not fit is lost as a whole, with an error, and so is a first part.
func TestPartsOfAResponseAreBounded(t *testing.T) {
	_, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxResponseBytes = wideLimit
		o.Supergraph = wideSDL
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return wideTransport{}, func() {}, nil }
	})
	const lost = `{"data":null,"errors":[`
	for name, test := range map[string]struct {
		query string
		want  []string // in the response
		lacks string
	}{
		"list of strings in the first part":         {`{ hello texts ... @defer { text } }`, []string{lost}, "text"},
		"list of nullable strings":                  {`{ hello loose ... @defer { me { id } } }`, []string{lost}, "loose"},
		"list of lists":                             {`{ hello matrix ... @defer { me { id } } }`, []string{lost}, "matrix"},
		"string in the first part":                  {`{ hello text ... @defer { me { id } } }`, []string{lost}, `"text":`},
		"list of strings of the deferred root":      {`{ hello ... @defer { texts } }`, []string{`{"hello":"hi"}`, `"path":["texts",1]`}, `"texts":`},
		"string of an entity":                       {`{ me { id name ... @defer { mood } ... @defer { moods } } }`, []string{`"mood":"xxx`, `"path":["me","moods",1]`}, `"moods":`},
		"list of an entity whose fragment is lost":  {`{ me { id ... @defer { strict } } }`, []string{`{"me":{"id":"1"}}`, `"path":["me","strict",1]`}, `"strict":`},
		"small values of many entities in one part": {`{ users { id ... @defer { mood } } }`, []string{`"mood":"xxx`, `"path":["users",9,"mood"]`}, `"mood":null`},
	} {
		for _, accept := range []string{"multipart/mixed", "multipart/mixed;deferSpec=20220824", "text/event-stream"} {
			t.Run(name+", "+accept, func(t *testing.T) {
				got := send(t, "POST", url+"/graphql", `{"query":"`+test.query+`"}`, "Accept: "+accept)
				if got.status != http.StatusOK || !strings.Contains(got.body, "MAX_RESPONSE_BYTES_LIMIT") {
					t.Errorf("got status %d, %d bytes without the error", got.status, len(got.body))
				}
				for _, want := range test.want {
					if !strings.Contains(got.body, want) {
						t.Errorf("want %s in %.4000s", want, got.body)
					}
				}
				if strings.Contains(got.body, test.lacks) {
					t.Errorf("%s is in %.4000s", test.lacks, got.body)
				}
				for _, part := range strings.Split(got.body, "\n") {
					if part = strings.TrimSpace(strings.TrimPrefix(part, "data: ")); len(part) > wideLimit {
						t.Errorf("a part has %d bytes", len(part))
					}
				}
			})
		}
	}
}

// A latecomer responds with long values, but with the name only when both of the others are there.
type latecomer struct {
	wideTransport
	others sync.WaitGroup
}

func (l *latecomer) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	if r.Subgraph == "b" {
		defer l.others.Done()
		return l.wideTransport.Send(ctx, r)
	}
	if !strings.Contains(string(r.Body.B), "_entities") {
		return l.wideTransport.Send(ctx, r)
	}
	l.others.Wait()
	return response(`{"data":{"_entities":[{"__typename":"User","name":"Ada"}]}}`), nil
}

// Fragments that are ready at the same time share a part only if they fit into it.
func TestFragmentsThatFitAloneAreDelivered(t *testing.T) {
	for name, test := range map[string]struct {
		limit, parts int // at least
		query        string
	}{
		"both fit":   {4000, 2, `{ me { id ... @defer { name mood } ... @defer { name motto } } }`},
		"each fits":  {wideLimit, 3, `{ me { id ... @defer { name mood } ... @defer { name motto } } }`},
		"with inner": {wideLimit, 3, `{ me { id ... @defer { name mood ... @defer { again: name } } ... @defer { name motto } } }`},
	} {
		for _, accept := range []string{"multipart/mixed", "multipart/mixed;deferSpec=20220824"} {
			t.Run(name+", "+accept, func(t *testing.T) {
				l := &latecomer{}
				l.others.Add(2)
				_, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
					c.Limits.MaxResponseBytes = test.limit
					o.Supergraph = wideSDL
					o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return l, func() {}, nil }
				})
				got := send(t, "POST", url+"/graphql", `{"query":"`+test.query+`"}`, "Accept: "+accept)
				var parts []string
				for _, line := range strings.Split(got.body, "\n") {
					if strings.HasPrefix(line, "{") {
						parts = append(parts, strings.TrimSpace(line))
					}
				}
				for i, part := range parts {
					if len(part) > test.limit || strings.HasSuffix(part, `"hasNext":false}`) != (i == len(parts)-1) {
						t.Errorf("part %d has %d bytes: %s", i, len(part), part)
					}
				}
				if len(parts) < test.parts || strings.Contains(got.body, "errors") || strings.Count(got.body, `"mood":"xxx`) != 1 || strings.Count(got.body, `"motto":"xxx`) != 1 {
					t.Errorf("got %d parts: %s", len(parts), got.body)
				}
			})
		}
	}
}

// No part is longer than the limit, not even with errors about it. A limit of as many bytes as the longest
// part has loses nothing, and one that is a byte shorter loses something, unless fragments shared that part.
func TestPartsFitExactly(t *testing.T) {
	const least = 330 // an error, and what surrounds it
	for query, shared := range map[string]bool{
		`{ hello text ... @defer { me { id } } }`:                                                false,
		`{ me { id ... @defer { mood } } }`:                                                      false,
		`{ me { id ... @defer(label: \"a\\u0001\\\"b\") { mood } } }`:                            false,
		`{ me { id ... @defer(label: \"one\") { mood ... @defer(label: \"two\") { motto } } } }`: true,
		`{ users { id ... @defer { motto ... @defer { mood } } } }`:                              true,
		`{ users { id ... @defer { motto } } }`:                                                  false,
		`{ ... @defer { users { id ... @defer { mood } } } hello }`:                              true,
		`{ hello ... @defer { me { id name } users { name } } }`:                                 false,
	} {
		for _, accept := range []string{"multipart/mixed", "multipart/mixed;deferSpec=20220824"} {
			longest := 0
			for _, part := range partsWithin(t, query, accept, 0) {
				longest = max(longest, len(part))
			}
			limits := []int{longest, longest - 1}
			for limit := least; limit < longest; limit += 1 + (longest-least)/40 {
				limits = append(limits, limit)
			}
			for _, limit := range limits {
				got := partsWithin(t, query, accept, limit)
				for i, part := range got {
					if len(part) > limit || strings.HasSuffix(part, `"hasNext":false}`) != (i == len(got)-1 && i > 0) {
						t.Errorf("%s, %s, limit %d: part %d of %d has %d bytes: %.600s", query, accept, limit, i, len(got), len(part), part)
					}
				}
				lost := strings.Contains(strings.Join(got, ""), "MAX_RESPONSE_BYTES_LIMIT")
				if limit == longest && lost || limit == longest-1 && !lost && !shared {
					t.Errorf("%s, %s, limit %d of %d bytes: an error is %t: %.3000s", query, accept, limit, longest, lost, got)
				}
			}
		}
	}
}

// A response that is not in parts fits exactly, too.
func TestResponseFitsExactly(t *testing.T) {
	const query = `{ hello users { id name } }`
	whole := partsWithin(t, query, "application/json", 0)[0]
	for less, lost := range []bool{false, true} {
		if got := partsWithin(t, query, "application/json", len(whole)-less)[0]; strings.Contains(got, "MAX_RESPONSE_BYTES_LIMIT") != lost || !lost && got != whole {
			t.Errorf("a response of %d bytes with the limit %d: %s", len(whole), len(whole)-less, got)
		}
	}
}

// partsWithin sends a query to a gateway with a limit, and returns the parts of the response.
func partsWithin(t *testing.T, query, accept string, limit int) (parts []string) {
	t.Helper()
	_, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxResponseBytes = limit
		o.Supergraph = wideSDL
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return wideTransport{}, func() {}, nil }
	})
	got := send(t, "POST", url+"/graphql", `{"query":"`+query+`"}`, "Accept: "+accept)
	for _, line := range strings.Split(got.body, "\n") {
		if strings.HasPrefix(line, "{") {
			parts = append(parts, strings.TrimSpace(line))
		}
	}
	return parts
}
