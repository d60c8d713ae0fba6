// Package graph_test follows docs/own-graph.md to the letter: from the commands of the page
// to a query over subgraphs in three languages.
package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"souk/internal/loopback"
	"souk/internal/loopback/loopbacktest"
	"souk/internal/outputtest"
)

// patience is how long installing and starting may take.
const patience = 4 * time.Minute

func TestPageLeadsToAQueryOverThreeLanguages(t *testing.T) {
	if os.Getenv("SOUK_OWN_GRAPH") == "" {
		t.Skip("installing packages from npm and PyPI and starting three programs takes minutes; make verify runs it, with SOUK_OWN_GRAPH=1")
	}
	for _, program := range []string{"node", "npm", "python3", "make"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	page, err := os.ReadFile("../../docs/own-graph.md")
	if err != nil {
		t.Fatal(err)
	}
	section, _, _ := strings.Cut(string(page), "### What a subgraph needs")
	blocks := regexp.MustCompile("(?s)```(sh|json)\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 5 {
		t.Fatalf("the page has %d blocks, want those that copy, install, start, ask and respond", len(blocks))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	home := t.TempDir()
	ports := freePorts(t)
	// The commands before the start, up to the ports, which may be in use here.
	script := fmt.Sprintf("set -e\n%s\n%s", blocks[0][2], blocks[1][2])
	script = strings.Replace(script, "make build", "make build OUT="+filepath.Join(home, "souk"), 1)
	script = strings.Replace(script, "bin/souk", filepath.Join(home, "souk"), 1)
	prepare := exec.CommandContext(ctx, "sh", "-c", script)
	prepare.Dir, prepare.Env = "../..", append(os.Environ(), "HOME="+home, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
	if out, err := prepare.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shop := filepath.Join(home, "shop")
	config := filepath.Join(shop, "supergraph.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(ports.Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		t.Fatal(err)
	}
	start := exec.CommandContext(ctx, "sh", "-c", "exec "+strings.TrimSpace(blocks[2][2])+" --listen "+address)
	var out outputtest.Buffer
	start.Dir, start.Env, start.Stdout, start.Stderr = shop, prepare.Env, &out, &out
	if err := start.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := start.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		if err := start.Wait(); err != nil {
			t.Errorf("an interrupt ends souk with %v", err)
		}
	}()
	ask := regexp.MustCompile(`-d '(.*)'`).FindStringSubmatch(blocks[3][2])
	got := await(ctx, t, "http://"+address+"/graphql", ask[1], &out)
	var want any
	if err := json.Unmarshal([]byte(blocks[4][2]), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v; output:\n%s", got, want, out.String())
	}
	for _, port := range []string{"4001", "4002", "4003"} {
		test := exec.CommandContext(ctx, filepath.Join(home, "souk"), "subgraph", "test", ports.Replace("http://localhost:"+port+"/graphql"))
		if report, err := test.CombinedOutput(); err != nil || !strings.Contains(string(report), "pass entity-batch") {
			t.Errorf("%v: %v\n%s", test.Args, err, report)
		}
	}
}

// await asks until there is a response, and returns its data.
func await(ctx context.Context, t *testing.T, url, body string, out *outputtest.Buffer) any {
	t.Helper()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			var got struct{ Data any }
			if err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, &got) == nil {
				return got.Data
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the graph is not served; output:\n%s", out.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// freePorts replaces the ports of the example by free ones.
func freePorts(t *testing.T) *strings.Replacer {
	t.Helper()
	var pairs []string
	for _, port := range []string{"4001", "4002", "4003"} {
		address := loopbacktest.Address(t)
		_, free, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, port, free)
	}
	return strings.NewReplacer(pairs...)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
