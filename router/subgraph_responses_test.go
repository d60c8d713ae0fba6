package router_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"souk/router/gateway/config"
)

// Clients get the members of subgraphs' extensions that the configuration names, and no others.
func TestClientsGetExtensionsOfSubgraphs(t *testing.T) {
	for rule, want := range map[string]string{"first": `"a"`, "last": `"b"`, "append": `["a","b"]`} {
		t.Run(rule, func(t *testing.T) {
			at := serveRouter(t, composed(t, `type Query { p: P } type P @key(fields: "id") { id: ID }`, `type P @key(fields: "id") { id: ID name: String }`), nil,
				func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					if strings.Contains(subgraphQuery(t, r), "_entities") {
						fmt.Fprintf(w, `{"extensions":{"request":"b","secret":1,"large":%q},"data":{"_entities":[{"name":"n"}]}}`, strings.Repeat("x", 64<<10))
						return
					}
					fmt.Fprint(w, `{"data":{"p":{"__typename":"P","id":"1"}},"extensions":{"request":"a","secret":1,"only a":{"x":[1,null]}}}`)
				}, func(c *config.Config) {
					c.ResponseExtensions = map[string]string{"request": rule, "only a": "first", "large": "last"}
				})
			_, body := ask(t, "POST", at+"/graphql", `{"query":"{ p { name } }"}`, posts)
			if want := `{"data":{"p":{"name":"n"}},"extensions":{"request":` + want + `,"only a":{"x":[1,null]}}}`; body != want {
				t.Errorf("got %s, want %s", body, want)
			}
			_, body = ask(t, "POST", at+"/graphql", `{"query":"{ __typename }"}`, posts)
			if body != `{"data":{"__typename":"Query"}}` {
				t.Errorf("got %s", body)
			}
		})
	}
}

// Extensions that are no object are ignored. Without the setting, or in development mode, nothing
// of subgraphs is lost or added.
func TestExtensionsThatAreNoObjectAreIgnored(t *testing.T) {
	for _, extensions := range []string{`[1]`, `null`, `"text"`, `{}`} {
		for _, dev := range []bool{false, true} {
			at := serveRouter(t, composed(t, valuesA, valuesB), nil, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"data":{"open":1},"extensions":%s}`, extensions)
			}, func(c *config.Config) {
				c.ResponseExtensions, c.Dev = map[string]string{"request": "first"}, dev
			})
			_, body := ask(t, "POST", at+"/graphql", `{"query":"{ open }"}`, posts)
			if !json.Valid([]byte(body)) || !strings.HasPrefix(body, `{"data":{"open":1}`) || strings.Contains(body, `"souk"`) != dev {
				t.Errorf("%s: got %s", extensions, body)
			}
		}
	}
}

// A status 401 or 403 of a subgraph is that of the response if no subgraph sends data.
func TestClientsGetStatus401And403OfSubgraphs(t *testing.T) {
	refused := func(status int) string { return fmt.Sprintf("%d {\"errors\":[{\"message\":\"no\"}]}", status) }
	for name, c := range map[string]struct {
		open, tenant string
		configured   bool
		want         int
	}{
		"401":                {refused(401), "", true, 401},
		"403":                {refused(403), "", true, 403},
		"401, not JSON":      {"401 no", "", true, 401},
		"both":               {refused(403), refused(401), true, 401},
		"null":               {`403 {"data":{"open":null},"errors":[{"message":"no"}]}`, "", true, 403},
		"with data":          {refused(401), `200 {"data":{"tenant":1}}`, true, 200},
		"another status":     {refused(404), "", true, 200},
		"an error":           {`200 {"data":{"open":null},"errors":[{"message":"no"}]}`, "", true, 200},
		"not configured":     {refused(401), "", false, 200},
		"401 and no breaker": {refused(401), refused(500), true, 401},
	} {
		t.Run(name, func(t *testing.T) {
			at := serveRouter(t, composed(t, valuesA, valuesB), nil, func(w http.ResponseWriter, r *http.Request) {
				response := c.open
				if strings.Contains(subgraphQuery(t, r), "tenant") {
					response = c.tenant
				}
				var status int
				if _, err := fmt.Sscanf(response, "%d", &status); err != nil {
					t.Error(err)
				}
				text := response[4:]
				w.Header().Set("Content-Type", map[bool]string{true: "application/json", false: "text/plain"}[strings.HasPrefix(text, "{")])
				w.Header().Set("WWW-Authenticate", "Basic")
				w.WriteHeader(status)
				fmt.Fprint(w, text)
			}, func(conf *config.Config) {
				conf.HTTP.SubgraphAuthStatus = c.configured
				conf.TrafficShaping.Router.Deduplicate = new(true) // status and body are shared
			})
			query := "{ open }"
			if c.tenant != "" {
				query = "{ open tenant }"
			}
			r, body := ask(t, "POST", at+"/graphql", `{"query":"`+query+`"}`, posts)
			if r.StatusCode != c.want || !strings.Contains(body, `"errors"`) {
				t.Errorf("status %d, want %d: %s", r.StatusCode, c.want, body)
			}
			if got, want := r.Header.Get("WWW-Authenticate"), map[bool]string{true: "Bearer"}[c.want == 401]; got != want {
				t.Errorf("WWW-Authenticate = %q, want %q", got, want)
			}
		})
	}
}

// The challenge of a subgraph can be returned with its status.
func TestClientsGetTheChallengeOfASubgraph(t *testing.T) {
	at := serveRouter(t, composed(t, valuesA, valuesB), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("WWW-Authenticate", `Bearer realm="shop"`)
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"errors":[{"message":"no"}]}`)
	}, func(c *config.Config) {
		c.HTTP.SubgraphAuthStatus = true
		c.Headers.All.Return = map[string]string{"WWW-Authenticate": "first"}
	})
	r, _ := ask(t, "POST", at+"/graphql", `{"query":"{ open }"}`, posts)
	if got := r.Header.Get("WWW-Authenticate"); r.StatusCode != http.StatusUnauthorized || got != `Bearer realm="shop"` {
		t.Errorf("status %d, WWW-Authenticate = %q", r.StatusCode, got)
	}
}

// Subgraphs get operations that are named after the client's if the configuration says so, also
// if the plan of an operation with another name is in the cache.
func TestSubgraphsGetTheNamesOfOperations(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	sdl := composed(t, `type Query { p: P } type Mutation { change: Int } type P @key(fields: "id") { id: ID }`, `type P @key(fields: "id") { id: ID name: String }`)
	for _, named := range []bool{true, false} {
		at := serveRouter(t, sdl, nil, func(w http.ResponseWriter, r *http.Request) {
			query := subgraphQuery(t, r)
			mu.Lock()
			sent = append(sent, query)
			mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			switch {
			case strings.Contains(query, "_entities"):
				fmt.Fprint(w, `{"data":{"_entities":[{"name":"n"}]}}`)
			case strings.Contains(query, "change"):
				fmt.Fprint(w, `{"data":{"change":1}}`)
			default:
				fmt.Fprint(w, `{"data":{"p":{"__typename":"P","id":"1"}}}`)
			}
		}, func(c *config.Config) { c.Telemetry.SubgraphOperationNames = named })
		for _, c := range []struct{ query, root, entities string }{
			{"query Shop { p { name } }", "query Shop__a__0{p{", "query Shop__b__1($representations:[_Any!]!){_entities("},
			{"query Other { p { name } }", "query Other__a__0{p{", "query Other__b__1($representations:[_Any!]!){_entities("},
			{"query Shop { p { name } }", "query Shop__a__0{p{", "query Shop__b__1($representations:[_Any!]!){_entities("},
			{"mutation Save { change }", "mutation Save__a__0{change}", ""},
			{"{ p { name } }", "{p{", "query($representations:[_Any!]!){_entities("},
		} {
			sent = nil
			if _, body := ask(t, "POST", at+"/graphql", fmt.Sprintf(`{"query":%q}`, c.query), posts); strings.Contains(body, "errors") {
				t.Fatalf("%s: %s", c.query, body)
			}
			if want := regexp.MustCompile(` ?\w+__[ab]__\d`); !named {
				c.root, c.entities = strings.TrimPrefix(want.ReplaceAllString(c.root, ""), "query"), want.ReplaceAllString(c.entities, "")
			}
			if !strings.HasPrefix(sent[0], c.root) || c.entities != "" && !strings.HasPrefix(sent[1], c.entities) {
				t.Errorf("%s: got %q, want %s and %s", c.query, sent, c.root, c.entities)
			}
		}
	}
}

// subgraphQuery returns the operation in a request to a subgraph.
func subgraphQuery(t *testing.T, r *http.Request) string {
	t.Helper()
	var body struct{ Query string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		t.Error(err)
	}
	return body.Query
}
