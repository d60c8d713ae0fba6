package auth_test

import (
	"errors"
	"net/http"
	"testing"

	"souk/router/auth"
)

// Only an issued token identifies a caller. Other credentials are rejected with a
// message or are anonymous.
func FuzzAuthorization(f *testing.F) {
	fix := newFixture(f, nil)
	good := fix.token("ed", nil)
	f.Add("Bearer "+good, "")
	f.Add("Basic YTpi", "")
	f.Add(good, "")
	f.Add("Bearer", "Bearer "+good)
	f.Add("bearer\t"+good, "")
	f.Fuzz(func(t *testing.T, first, second string) {
		header := http.Header{"Authorization": {first}}
		if second != "" {
			header.Add("Authorization", second)
		}
		caller, err := fix.authenticator.Authenticate(t.Context(), header)
		var refused *auth.TokenError
		switch {
		case err != nil && (!errors.As(err, &refused) || refused.Message == "" || len(refused.Message) > 200 || caller != nil):
			t.Errorf("%q: got caller %v, err %v", header, caller, err)
		case caller != nil && (second != "" || caller.Subject != "42"):
			t.Errorf("%q: got caller %+v", header, caller)
		}
	})
}
