package coprocessor

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"souk/router/hook"
)

// FuzzReadAnswer checks that no answer of a coprocessor makes the router panic, that
// accepted answers follow the protocol, and that a policy holds only if it is true.
func FuzzReadAnswer(f *testing.F) {
	for _, text := range []string{
		`{"version":1,"stage":"RouterRequest","control":"continue","id":"1"}`,
		`{"control":{"break":401},"body":{"errors":[{"message":"no"}]}}`,
		`{"headers":{"a":["b"]},"context":{"entries":{"x":1}},"statusCode":204,"body":"{\"data\":null}"}`,
		`{"context":{"entries":{"apollo::authorization::required_policies":{"a":true,"b":null}}}}`,
		`{"context":{"entries":{"apollo::authorization::required_policies":[true]}}}`,
		`{"control":{"break":99}}`, `{"version":2}`, `[]`, `null`, ``, `{"body":" [1]"}`,
	} {
		f.Add([]byte(text))
	}
	m := &message{Version: version, Stage: RouterRequest, ID: "1"}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := readAnswer(text, m)
		if err != nil {
			return
		}
		if s := a.Control.status; s != 0 && (s < 200 || s > 599) {
			t.Errorf("%s: break with status %d", text, s)
		}
		if a.StatusCode != nil && (*a.StatusCode < 200 || *a.StatusCode > 599) {
			t.Errorf("%s: status %d", text, *a.StatusCode)
		}
		if given(a.Body) && !json.Valid(object(a.Body)) {
			t.Errorf("%s: the body is not JSON", text)
		}
		if a.Context == nil {
			return
		}
		v := valuesOf(new(hook.Exchange))
		v.merge(a.Context.Entries)
		var decided map[string]any
		if json.Unmarshal(a.Context.Entries[entryPolicies], &decided) == nil {
			v.asked = slices.Collect(maps.Keys(decided))
		}
		v.policies = map[string]bool{}
		err = v.decide(nil)
		for name, holds := range v.policies {
			if holds && (err != nil || !bytes.Contains(text, []byte("true"))) {
				t.Errorf("%s: the policy %q holds (%v)", text, name, err)
			}
		}
	})
}
