package dev_test

import (
	"crypto/tls"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"souk/dev"
)

// The curls of the documentation run as they stand there, in a shell, against
// a fresh store.
func TestDocumentedCommandsWork(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	t.Run("of the README, in tutorial mode", func(t *testing.T) {
		store := open(t, dev.Options{})
		run(t, []string{"GATEWAY_URL=" + store.URL("router")}, codeBlocks(t, "../README.md", "## Try it", "^    (.*)$"))
	})
	t.Run("of the tutorial, in tutorial mode", func(t *testing.T) {
		store := open(t, dev.Options{})
		const block = "(?s)^```sh\n(.*?)\n```$"
		requests := codeBlocks(t, "../docs/tutorial.md", "## Send requests", block)
		run(t, []string{"GATEWAY_URL=" + store.URL("router")}, append(requests, codeBlocks(t, "../docs/tutorial.md", "## Watch the traffic", block)...))
	})
	t.Run("of the operations guide, in enforced mode", func(t *testing.T) {
		store := open(t, dev.Options{AuthMode: "enforced"})
		t.Setenv("ADMIN_PASSWORD", "tutorial-admin")
		blocks := codeBlocks(t, "../docs/operations.md", "### The first commands", "(?s)^```sh\n(.*?)\n```$")
		run(t, trialTLS(t, store), blocks)
	})
}

// trialTLS serves the router as the gateway does, with the trial certificate that the guide's own
// command makes, and returns the variables with its address. In the working directory of the test
// is the certificate.
func trialTLS(t *testing.T, s *store) []string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl")
	}
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	command := regexp.MustCompile("(?m)^openssl req .*$").FindString(string(text))
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	certificate, err := tls.LoadX509KeyPair("tls.crt", "tls.key")
	if err != nil {
		t.Fatal(err)
	}
	router, err := url.Parse(s.URL("router"))
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(router) }})
	gateway.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	address, err := url.Parse(gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"GATEWAY_URL=https://souk.example:" + address.Port(), "ADDRESS=" + address.Hostname()}
}

// run executes the blocks that send requests to the store, in one shell with variables. It
// fails at the first command that fails, or gets a status of 400 or more.
func run(t *testing.T, variables, blocks []string) {
	t.Helper()
	var script []string
	for _, block := range blocks {
		if strings.Contains(block, "$GATEWAY_URL/") {
			script = append(script, block)
		}
	}
	if all := strings.Join(script, "\n"); !strings.Contains(all, `"username":"john"`) || !strings.Contains(all, "/api/orders") {
		t.Fatalf("these are not the first commands:\n%s", all)
	}
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte("fail-with-body\nsilent\nshow-error\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-e", "-u", "-x", "-o", "pipefail", "-c", strings.Join(script, "\n"))
	shell.Env = append(append(os.Environ(), "CURL_HOME="+home), variables...)
	if out, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// codeBlocks returns the code in the section of a Markdown file. The pattern
// matches a line of an indented block, or a fenced block, and its group the
// code.
func codeBlocks(t *testing.T, file, heading, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no %q", file, heading)
	}
	section, _, _ = strings.Cut(section, "\n"+strings.Fields(heading)[0]+" ")
	var blocks []string
	for _, match := range regexp.MustCompile("(?m)"+pattern).FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}
