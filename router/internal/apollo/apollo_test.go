package apollo_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/internal/loopback/loopbacktest"
	"souk/internal/packagetest"
	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// install returns a directory with the programs and their packages.
func install(t *testing.T) string {
	t.Helper()
	packages := packagetest.NPM(t)
	// Node.js resolves packages relative to the real path of the importing file.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startSubgraph starts the subgraph and returns its URL and a function that kills it.
func startSubgraph(t *testing.T, dir string) (string, func()) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "subgraph.mjs"))
	command.Stderr = t.Output()
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	t.Cleanup(kill)
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the subgraph has not started")
	}
	port, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strconv.Itoa(port), kill
}

// A served router is a Reloadable that listens.
type served struct {
	*router.Reloadable
	url    string
	config config.Config
}

// serve serves a router with the subgraph. configure gets the configuration with the address.
func serve(t *testing.T, subgraph string, configure func(*config.Config)) *served {
	t.Helper()
	sdl, err := os.ReadFile("testdata/subgraph.graphql")
	if err != nil {
		t.Fatal(err)
	}
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "node", URL: subgraph, SDL: string(sdl)}})
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Listen, c.Admin.Listen = loopbacktest.Address(t), ""
	c.Subscriptions.DrainPeriod = 100 * time.Millisecond
	configure(&c)
	if err := c.Check(nil); err != nil {
		t.Fatal(err)
	}
	listening := make(chan struct{})
	r, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: composed.SDL, Telemetry: tel, Listening: func() { close(listening) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-listening:
	case err := <-ended:
		t.Fatal(err)
	}
	return &served{Reloadable: r, url: "http://" + c.Listen, config: c}
}

func TestApolloClientUploadsFiles(t *testing.T) {
	dir := install(t)
	subgraph, _ := startSubgraph(t, dir)
	at := serve(t, subgraph, func(c *config.Config) { c.FileUploads.Enabled = true })
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "upload.mjs"), at.url+"/graphql").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "ok\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
