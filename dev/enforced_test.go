package dev_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/dev"
)

// In enforced mode, callers see and change only their own data.
func TestEnforcedModeLimitsCallersToTheirOwnData(t *testing.T) {
	t.Parallel()
	anyone := open(t, dev.Options{AuthMode: "enforced"})
	ada, grace, admin := anyone.logIn(t, "ada", "tutorial-ada"), anyone.logIn(t, "grace", "tutorial-grace"), anyone.logIn(t, "admin", "tutorial-admin")

	order := ada.order(t, "1", "1")
	for name, who := range map[string]*store{"owner": ada, "administrator": admin} {
		if got := who.seenOrder(t, order); !strings.Contains(got, `"email":"ada.lovelace@example.com"`) {
			t.Errorf("%s: got %s, want the order and its buyer", name, got)
		}
	}
	for name, who := range map[string]*store{"another customer": grace, "a stranger": anyone} {
		if got := who.seenOrder(t, order); got != `{"order":null,"user":null}` {
			t.Errorf("%s: got %s, want no private data", name, got)
		}
		who.expect(t, http.StatusNotFound, http.MethodGet, "/api/orders/"+order, "")
	}

	const product = `{"name":"Contraband","price":1,"stock":1}`
	if _, header := anyone.expect(t, http.StatusUnauthorized, http.MethodPost, "/api/products", product); header.Get("WWW-Authenticate") == "" {
		t.Error("an anonymous write is rejected without WWW-Authenticate")
	}
	ada.expect(t, http.StatusForbidden, http.MethodPost, "/api/products", product)
	ada.expect(t, http.StatusForbidden, http.MethodPut, "/api/inventory/1", `{"onHand":1000}`)
	admin.expect(t, http.StatusCreated, http.MethodPost, "/api/products", product)
	grace.expect(t, http.StatusForbidden, http.MethodPost, "/api/orders", `{"userId":1,"productId":1,"quantity":1}`)

	forged := &store{System: anyone.System, token: ada.token[:len(ada.token)-6] + "AAAAAA"}
	problem, header := forged.expect(t, http.StatusUnauthorized, http.MethodGet, "/api/products", "")
	if header.Get("WWW-Authenticate") == "" || problem["code"] != "UNAUTHENTICATED" {
		t.Errorf("forged token: got problem %v, headers %v", problem, header)
	}
	body, _ := forged.expect(t, http.StatusUnauthorized, http.MethodPost, "/graphql", `{"query":"{__typename}"}`)
	if body["errors"] == nil {
		t.Errorf("forged token over GraphQL: got %v, want errors", body)
	}
}

// A service that restarts while the user service is away still knows its
// callers, also if Redis and the router's directory have lost the copies of the
// signing keys: they are soon there again.
func TestServicesKnowCallersAfterARestartWithoutTheUserService(t *testing.T) {
	t.Parallel()
	redis, directory := miniredis.RunT(t), t.TempDir()
	anyone := open(t, dev.Options{AuthMode: "enforced", RedisURL: "redis://" + redis.Addr(), Dir: directory})
	ada := anyone.logIn(t, "ada", "tutorial-ada")
	order := ada.order(t, "1", "1")
	ada.expect(t, http.StatusOK, http.MethodGet, "/api/orders/"+order, "")
	if err := anyone.StopService("user"); err != nil {
		t.Fatal(err)
	}
	copies := func() []string {
		files, err := filepath.Glob(filepath.Join(directory, "jwks-*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	if len(copies()) != 1 {
		t.Fatalf("the router has the copies %v, want one", copies())
	}
	redis.FlushAll()
	if err := os.Remove(copies()[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the copies of the signing keys", func() bool {
		return len(copies()) == 1 && slices.ContainsFunc(redis.Keys(), func(key string) bool { return strings.HasPrefix(key, "souk:jwks:") })
	})
	for _, name := range []string{"order", "inventory"} {
		if err := anyone.StopService(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"inventory", "order"} {
		if err := anyone.StartService(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	const query = `{"query":"query($id: ID!) { order(id: $id) { id status } orders { totalCount } }","variables":{"id":"` + "%s" + `"}}`
	eventually(t, time.Minute, "the order seen by its owner", func() bool {
		got := ada.call(t.Context(), http.MethodPost, "/graphql", fmt.Sprintf(query, order))
		if got.status == http.StatusOK && strings.Contains(string(got.body), `"order":null`) {
			t.Fatalf("the owner is taken for a stranger: %s", got.body)
		}
		return got.status == http.StatusOK && strings.Contains(string(got.body), `"CONFIRMED"`) && !strings.Contains(string(got.body), `"totalCount":0`)
	})
}

// logIn returns a client of the store with the token of a sample user.
func (s *store) logIn(t *testing.T, login, password string) *store {
	t.Helper()
	session, _ := s.expect(t, http.StatusOK, http.MethodPost, "/api/login", fmt.Sprintf(`{"login":%q,"password":%q}`, login, password))
	token, _ := session["accessToken"].(string)
	if token == "" {
		t.Fatalf("no access token for %s: %v", login, session)
	}
	return &store{System: s.System, token: token}
}

// seenOrder returns what a caller can read of ada's order and of ada, as canonical JSON.
func (s *store) seenOrder(t *testing.T, id string) string {
	t.Helper()
	data := s.graphql(t, `query($id: ID!) {
	  order(id: $id) { id user { username } }
	  user(id: "1") { username email orders(first: 0) { totalCount } }
	}`, map[string]any{"id": id})
	out, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
