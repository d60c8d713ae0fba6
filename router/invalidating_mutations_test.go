package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// A changingService has an account whose balance is the number of mutations. It can hold fetches
// of the balance, after it has read it.
type changingService struct {
	changes atomic.Int32
	data    string // of responses to mutations
	hold    atomic.Bool
	held    chan chan struct{}
}

func (s *changingService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.Contains(string(body), `"mutation`):
		s.changes.Add(1)
		fmt.Fprintf(w, `{"data":%s}`, s.data)
	case r.URL.Path == "/a":
		fmt.Fprint(w, `{"data":{"account":{"__typename":"Account","id":"1"}}}`)
	default:
		value := s.changes.Load()
		if s.hold.Load() {
			proceed := make(chan struct{})
			s.held <- proceed
			<-proceed
		}
		fmt.Fprintf(w, `{"data":{"_entities":[{"__typename":"Account","balance":"%d"}]}}`, value)
	}
}

const mutableAccounts = `
type Query { account: Account }
type Mutation { change: Account  changeAll(id: ID): [Change!]  changeNode: Node  forget: ID  order: Order }
type Order @key(fields: "id") { id: ID!  payer: Account }
type Change { code: Int  done: Done }
type Done { account: Account }
interface Node { id: ID! }
type Account implements Node @key(fields: "id") { id: ID! }`

// mutable starts a router with this service and a real Redis.
func (s *changingService) mutable(t *testing.T, configure func(*config.Config)) (at string, server *redistest.Server) {
	t.Helper()
	s.held = make(chan chan struct{}, 10)
	if s.data == "" {
		s.data = `{"change":{"__typename":"Account","id":"1"}}`
	}
	server = redistest.Start(t, redistest.Options{})
	r := newRouter(t, composed(t, mutableAccounts, accountsB), nil, s.ServeHTTP, func(c *config.Config) {
		c.Dev = true
		c.ResponseCache.Enabled = true
		c.ResponseCache.Redis.URL = "redis://" + server.Addr
		c.ResponseCache.Redis.Timeout = 5 * time.Second // test machines may be busy
		c.ResponseCache.Subgraph.Subgraphs = map[string]config.SubgraphCache{"b": {Types: []string{"Account"}}}
		configure(c)
	})
	listener := httptest.NewServer(r.Handler())
	t.Cleanup(listener.Close)
	awaitValue(t, listener.URL, "{ account { balance } }", server)
	return listener.URL, server
}

func wantsBalance(t *testing.T, at string, value int32) {
	t.Helper()
	if _, body := ask(t, "POST", at+"/graphql", `{"query":"{ account { balance } }"}`, posts); !strings.Contains(body, fmt.Sprintf(`"balance":"%d"`, value)) {
		t.Errorf("got %s, want the balance %d", body, value)
	}
}

func mutate(t *testing.T, at, mutation string) {
	t.Helper()
	if _, body := ask(t, "POST", at+"/graphql", fmt.Sprintf(`{"query":%q}`, mutation), posts); strings.Contains(body, `"errors"`) {
		t.Fatalf("%s: got %s", mutation, body)
	}
}

func TestMutationsInvalidateTheEntitiesInTheirResponses(t *testing.T) {
	for mutation, data := range map[string]string{
		`mutation { change { id } }`:                         `{"change":{"id":"1"}}`,
		`mutation { c: change { k: id } }`:                   `{"c":{"k":"1"}}`,
		`mutation { change { balance } }`:                    `{"change":{"__typename":"Account","id":"1"}}`,
		`mutation { changeAll { done { account { id } } } }`: `{"changeAll":[{"done":null},{"done":{"account":null}},{"done":{"account":{"id":1}}}]}`,
		`mutation { changeNode { __typename id } }`:          `{"changeNode":{"__typename":"Account","id":"1"}}`,
		`mutation { changeNode { ... on Account { id } } }`:  `{"changeNode":{"__typename":"Account","id":"1"}}`,
	} {
		for _, wait := range []time.Duration{0, time.Minute} {
			t.Run(fmt.Sprintf("%s, refill_wait %s", mutation, wait), func(t *testing.T) {
				s := changingService{data: data}
				at, _ := s.mutable(t, func(c *config.Config) { c.ResponseCache.RefillWait = wait })
				for i := range int32(20) {
					wantsBalance(t, at, i)
					mutate(t, at, mutation)
				}
			})
		}
	}
}

// Entities that are not in the response, and those that the configuration excludes, remain.
func TestMutationsInvalidateNothingElse(t *testing.T) {
	cases := map[string]struct {
		mutation, data string
		mutations      config.CacheMutations
	}{
		"another entity": {`mutation { change { id } }`, `{"change":{"id":"2"}}`, config.CacheMutations{Enabled: true}},
		"no entity":      {`mutation { forget }`, `{"forget":"1"}`, config.CacheMutations{Enabled: true}},
		"null":           {`mutation { change { id } }`, `{"change":null}`, config.CacheMutations{Enabled: true}},
		"another type":   {`mutation { changeAll { code } }`, `{"changeAll":[{"code":1}]}`, config.CacheMutations{Enabled: true}},
		"referred to":    {`mutation { order { id payer { id } } }`, `{"order":{"id":"7","payer":{"id":"1"}}}`, config.CacheMutations{Enabled: true}},
		"off":            {`mutation { change { id } }`, `{"change":{"id":"1"}}`, config.CacheMutations{}},
		"except":         {`mutation { change { id } }`, `{"change":{"id":"1"}}`, config.CacheMutations{Enabled: true, Except: []string{"Account"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := changingService{data: c.data}
			at, _ := s.mutable(t, func(to *config.Config) { to.ResponseCache.Invalidation.Mutations = c.mutations })
			mutate(t, at, c.mutation)
			wantsBalance(t, at, 0)
		})
	}
}

// A fetch that began before a mutation is neither joined nor stored after it.
func TestFetchesFromBeforeAMutationAreNotUsedAfterIt(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Minute} {
		t.Run(fmt.Sprint("refill_wait ", wait), func(t *testing.T) {
			s := changingService{}
			at, _ := s.mutable(t, func(c *config.Config) { c.ResponseCache.RefillWait = wait })
			for i := int32(0); i < 20; i += 2 {
				mutate(t, at, `mutation { change { id } }`) // nothing is cached
				s.hold.Store(true)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, at+"/graphql", strings.NewReader(`{"query":"{ account { balance } }"}`))
					r.Header.Set("Content-Type", "application/json")
					if response, err := http.DefaultClient.Do(r); err == nil {
						response.Body.Close()
					}
				}()
				proceed := <-s.held
				s.hold.Store(false)
				mutate(t, at, `mutation { change { id } }`)
				wantsBalance(t, at, i+2)
				close(proceed)
				<-ended
				wantsBalance(t, at, i+2)
			}
		})
	}
}

// Without Redis, the router that has executed the mutation uses no older value, and the mutation
// does not fail. Afterwards Redis has none, either.
func TestMutationsInvalidateWithoutRedis(t *testing.T) {
	s := changingService{}
	at, server := s.mutable(t, func(c *config.Config) { c.ResponseCache.Redis.Timeout = 500 * time.Millisecond })
	wantsBalance(t, at, 0)
	server.Kill()
	mutate(t, at, `mutation { change { id } }`)
	wantsBalance(t, at, 1)
	server.Restart()
	for range 20 {
		wantsBalance(t, at, 1)
	}
	awaitValue(t, at, "{ account { balance } }", server)
	mutate(t, at, `mutation { change { id } }`)
	wantsBalance(t, at, 2)
}
