package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"souk/internal/loopback/loopbacktest"
)

// hostile has what controls a terminal, or changes the order of text: ESC, BEL, CSI, CR, DEL,
// a mark that reverses the direction, and a byte that is no UTF-8.
const hostile = "\x1b]0;owned\x07\x1b[2J\u009b31m\rgone\x7f\u202e"

// controlled returns the first character that a command must not print, or "".
func controlled(text string) string {
	for _, bad := range []string{"\x1b", "\x07", "\u009b", "\r", "\x7f", "\u202e", "\x9b3"} {
		if strings.Contains(text, bad) {
			return bad
		}
	}
	return ""
}

// Text of other servers, in messages, names and schemas, does not control the terminal.
func TestTextOfServersDoesNotControlTheTerminal(t *testing.T) {
	message, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	respond := func(body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	failing := respond(`{"errors":[{"message":` + string(message) + `}]}`)
	described, err := json.Marshal("type Query { \"" + hostile + "\" a: Int @deprecated(reason: \"\\u001b[2J\\u009b\") b: Missing }")
	if err != nil {
		t.Fatal(err)
	}
	broken := respond(`{"data":{"_service":{"sdl":` + string(described) + `}}}`)
	text := respond(hostile + "\x9b3")
	deprecated, err := json.Marshal(`type Query { a: Int @deprecated(reason: "\u001b[2J\u202e") b: Int }`)
	if err != nil {
		t.Fatal(err)
	}
	valid := respond(`{"data":{"_service":{"sdl":` + string(deprecated) + `}}}`)
	dir := writeFiles(t, map[string]string{
		"failing.yaml": "subgraphs: {a: {routing_url: '" + failing + "', schema: {subgraph_url: '" + failing + "'}}}",
		"broken.yaml":  "subgraphs: {a: {routing_url: '" + broken + "', schema: {subgraph_url: '" + broken + "'}}}",
		"valid.yaml":   "subgraphs: {a: {routing_url: '" + valid + "', schema: {subgraph_url: '" + valid + "'}}}",
		"old.graphql":  "type Query { b: Int }",
		"router.yaml":  "supergraph: {listen: '127.0.0.1:1'}\n\"key\\e[2J\\x9b\\u202e\": \"\\e[2J\"\n",
		"check.yaml":   "\"key\\e[2J\\x9b\\u202e\": 1\n",
	})
	for _, command := range []string{
		"compose --config failing.yaml", "compose --config broken.yaml", "compose --config broken.yaml --format json", "compose --config broken.yaml --format github",
		"compose --config valid.yaml --output -", "lint failing.yaml", "schema diff old.graphql valid.yaml", "schema diff --json old.graphql valid.yaml",
		"schema check --against " + failing + " old.graphql", "schema check --against " + text + " old.graphql",
		"subgraph test " + failing, "subgraph test " + broken, "subgraph test " + text, "subgraph test --json " + broken,
		"router --listen 127.0.0.1:0 --subgraph a=" + failing, "router --listen 127.0.0.1:0 --subgraph a=" + broken, "router --listen 127.0.0.1:0 --subgraph a=" + text,
		"config convert router.yaml", "config convert --json router.yaml", "config validate check.yaml", "top --once --url " + text, "debug bundle --admin " + text,
	} {
		t.Run(command[:min(30, len(command))], func(t *testing.T) {
			p := soukIn(t, dir, nil, strings.Fields(command)...)
			p.wait(t)
			out := p.stdout.String() + p.stderr.String()
			if bad := controlled(out); bad != "" || out == "" {
				t.Errorf("souk %s prints %q in\n%q", command, bad, out)
			}
			if strings.Contains(command, "json") && p.stdout.String() != "" && !json.Valid([]byte(p.stdout.String())) {
				t.Errorf("souk %s prints no JSON: %s", command, &p.stdout)
			}
		})
	}
	p := soukIn(t, dir, nil, "config", "explain", "a\x9b3\x1b[2J")
	if p.wait(t); controlled(p.stderr.String()) != "" || !strings.Contains(p.stderr.String(), `\u001b`) && !strings.Contains(p.stderr.String(), `\x1b`) {
		t.Errorf("got %q", p.stderr.String())
	}
}

// Records of the log are JSON without control characters, also those that JSON allows.
func TestLogDoesNotControlTheTerminal(t *testing.T) {
	address := loopbacktest.Address(t)
	file := routerFiles(t, address, "", "supergraph: {file: GRAPH, poll_interval: 10ms}\n")
	p := souk(t, nil, "router", "--config", file)
	await(t, p, "the router is ready", func() bool { return status(t, "http://"+address+"/readyz") == http.StatusOK })
	if err := os.WriteFile(file, []byte("override_subgraph_urls: {\"key\\x9b31m\\x7f\\u202e\": [1]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, p, "the configuration is refused", func() bool { return strings.Contains(p.stderr.String(), "the new configuration is invalid") })
	p.interrupt(t)
	p.wait(t)
	if bad := controlled(p.stderr.String()); bad != "" {
		t.Errorf("the log has %q: %q", bad, &p.stderr)
	}
	for line := range strings.Lines(p.stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is no JSON", line)
		}
	}
}
