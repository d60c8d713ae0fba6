package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"souk/cli"
	"souk/internal/loopback/loopbacktest"
)

// A change of a file that the configuration refers to is a change of the configuration. If the file is
// away, or has no valid value, the router keeps the current one and reports it.
func TestRouterFollowsReferredFiles(t *testing.T) {
	dir, secret := t.TempDir(), &volume{dir: t.TempDir()}
	address := loopbacktest.Address(t)
	for name, text := range map[string]string{
		"supergraph.graphql": supergraph,
		"router.yaml": fmt.Sprintf("listen: %q\nadmin: {listen: \"\"}\nsupergraph: {file: supergraph.graphql, poll_interval: 20ms}\nintrospection: '${file.%s}'\n",
			address, filepath.Join(secret.dir, "introspection")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "supergraph.graphql", filepath.Join(dir, "supergraph.graphql"))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret.write(t, map[string]string{"introspection": "false\n"})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		root := cli.New(cli.WithVersion("test"))
		root.SetArgs([]string{"router", "--config", filepath.Join(dir, "router.yaml")})
		ended <- root.ExecuteContext(ctx)
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	becomes := func(what string, condition func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("timed out: %s", what)
			}
		}
	}
	introspects := func() bool {
		return strings.Contains(post(t, "http://"+address+"/graphql", `{"query":"{ __schema { queryType { name } } }"}`), `"name":"Query"`)
	}
	file := func(status string) bool {
		return strings.Contains(get(t, "http://"+address+"/readyz"), `{"name":"configuration/file","status":"`+status+`"`)
	}
	becomes("it answers, without introspection", func() bool { return status(t, "http://"+address+"/healthz") == 200 && !introspects() })
	secret.write(t, map[string]string{"introspection": "true\n"})
	becomes("introspection is on", introspects)

	secret.write(t, map[string]string{"introspection": "perhaps\n"})
	becomes("a wrong value is refused", func() bool { return file("DOWN") })
	secret.write(t, map[string]string{"introspection": "true\n"})
	becomes("the value is right again", func() bool { return file("UP") })
	secret.write(t, map[string]string{"other": "x"})
	becomes("a file that is away is reported", func() bool { return file("DOWN") })
	if !introspects() {
		t.Error("the configuration in use is not kept")
	}
	secret.write(t, map[string]string{"introspection": "false\n"})
	becomes("introspection is off", func() bool { return !introspects() })
}
