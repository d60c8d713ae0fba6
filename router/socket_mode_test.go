package router_test

import (
	"os"
	"path/filepath"
	"testing"

	"souk/router/gateway/config"
)

// The mode of each Unix socket is that of its address, whatever the umask is.
func TestModeOfUnixSockets(t *testing.T) {
	dir := shortDir(t)
	public, checks := filepath.Join(dir, "p.sock"), filepath.Join(dir, "h.sock")
	listenAndServe(t, "http://127.0.0.1:1/graphql", func(c *config.Config) {
		c.Listen, c.Health.Listen = "unix:"+public+"?mode=0660", "unix:"+checks+"?mode=0666"
	})
	for path, want := range map[string]os.FileMode{public: 0o660, checks: 0o666} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has the mode %o, want %o", path, got, want)
		}
	}
}
