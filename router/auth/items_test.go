package auth_test

import (
	"testing"

	"souk/router/auth"
)

// An item with a comma stays one item.
func TestItemsOfClaimsStayApart(t *testing.T) {
	c := &auth.Caller{Claims: map[string]any{
		"roles": []any{"a,admin", "b", "50%", "%2C"}, "names": []string{"x,y"}, "plain": "a,b", "one": []any{7.0},
	}}
	for name, want := range map[string]string{"roles": "a%2Cadmin,b,50%25,%252C", "names": "x%2Cy", "plain": "a,b", "one": "7"} {
		if got := c.Claim(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
