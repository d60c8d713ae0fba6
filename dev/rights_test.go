package dev_test

import (
	"fmt"
	"net/http"
	"testing"

	"souk/dev"
)

// Whoever is no administrator any more cannot change prices, stock, orders or
// messages with an old access token. While the user service cannot be asked,
// nobody can.
func TestChangesOfAdministratorsNeedCurrentRights(t *testing.T) {
	anyone := open(t, dev.Options{AuthMode: "enforced"})
	admin := anyone.logIn(t, "admin", "tutorial-admin")
	me, _ := admin.expect(t, http.StatusOK, http.MethodGet, "/api/me", "")
	ada, grace := "/api/users/1/roles", "/api/users/2/roles"
	for _, path := range []string{ada, grace} {
		admin.expect(t, http.StatusOK, http.MethodPut, path, `{"roles":["ADMIN","CUSTOMER"]}`)
	}
	demoted, loggedOut := anyone.logIn(t, "ada", "tutorial-ada"), &store{System: anyone.System}
	session, _ := anyone.expect(t, http.StatusOK, http.MethodPost, "/api/login", `{"login":"grace","password":"tutorial-grace"}`)
	loggedOut.token = fmt.Sprint(session["accessToken"])

	changes := []struct{ method, path, body string }{
		{http.MethodPatch, "/api/products/1", `{"price":1}`},
		{http.MethodPost, "/api/products", `{"name":"Contraband","price":1,"stock":1}`},
		{http.MethodPut, "/api/inventory/1", `{"onHand":7}`},
		{http.MethodPut, fmt.Sprintf("/api/users/%v/roles", me["id"]), `{"roles":["CUSTOMER"]}`},
	}
	demoted.expect(t, http.StatusOK, changes[0].method, changes[0].path, `{"price":2}`)
	loggedOut.expect(t, http.StatusOK, changes[0].method, changes[0].path, `{"price":3}`)
	admin.expect(t, http.StatusOK, http.MethodPut, ada, `{"roles":["CUSTOMER"]}`)
	anyone.expect(t, http.StatusNoContent, http.MethodPost, "/api/logout", fmt.Sprintf(`{"refreshToken":%q}`, session["refreshToken"]))
	for name, who := range map[string]*store{"demoted": demoted, "logged out": loggedOut} {
		for _, c := range changes {
			if got := who.call(t.Context(), c.method, c.path, c.body); got.status != http.StatusForbidden {
				t.Errorf("%s administrator: %s %s: got status %d, want 403: %s", name, c.method, c.path, got.status, got.body)
			}
		}
	}

	if err := anyone.StopService("user"); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		got := admin.call(t.Context(), c.method, c.path, c.body)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("without the user service: %s %s: got status %d, Retry-After %q: %s", c.method, c.path, got.status, got.header.Get("Retry-After"), got.body)
		}
	}
	if product, _ := anyone.expect(t, http.StatusOK, http.MethodGet, "/api/products/1", ""); product["price"] != 3.0 {
		t.Errorf("the price became %v", product["price"])
	}
	if err := anyone.StartService(t.Context(), "user"); err != nil {
		t.Fatal(err)
	}
	eventually(t, readyWithin, "changes work again", func() bool {
		return admin.call(t.Context(), http.MethodPatch, "/api/products/1", `{"price":4}`).status == http.StatusOK
	})
}
