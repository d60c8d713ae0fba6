// Package loopbacktest finds free ports for the servers of tests.
package loopbacktest

import (
	"testing"

	"souk/internal/loopback"
)

// Address returns an address of this machine on which nothing listens. On Linux, it is reserved for
// the test until it ends.
func Address(t testing.TB) string {
	t.Helper()
	address, err := loopback.Address(t.Context(), loopback.Host)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
