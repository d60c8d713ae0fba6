//go:build unix

package hostile_test

import (
	"regexp"
	"testing"
)

var playground = regexp.MustCompile(`http://(\S+)/ +the playground`)

// startStore runs the whole store with its own Postgres, which is a separate process.
// All services, a Redis and the inbox are in the process under attack.
func startStore(t *testing.T) *target {
	t.Helper()
	s := launch(t, "dev", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--log-level", "warn")
	s.await(func() bool {
		found := playground.FindStringSubmatch(s.log.String())
		if found != nil {
			s.address = found[1]
		}
		return found != nil
	})
	s.awaitReady()
	s.good, s.want = `{"query":"{ products(first: 1) { nodes { name } } }"}`, `"name"`
	return s
}
