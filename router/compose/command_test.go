package compose_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router/compose"
)

const storeConfig = "../../schema/supergraph.yaml"

func TestCommittedSupergraphIsCurrent(t *testing.T) {
	command := compose.Command{Config: storeConfig, Output: "../../schema/supergraph.graphql", Check: !*update}
	if err := command.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCheckReportsStaleFile(t *testing.T) {
	output := filepath.Join(t.TempDir(), "supergraph.graphql")
	command := compose.Command{Config: storeConfig, Output: output}
	if err := command.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	command.Check = true
	if err := command.Run(t.Context()); err != nil {
		t.Fatalf("after composing: got error %v", err)
	}
	text, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	edited := bytes.Replace(text, []byte("query: Query"), []byte("query: Inquiry"), 1)
	if err := os.WriteFile(output, edited, 0o600); err != nil {
		t.Fatal(err)
	}
	err = command.Run(t.Context())
	if !errors.Is(err, compose.ErrStale) {
		t.Fatalf("after an edit: got error %v, want ErrStale", err)
	}
	for _, want := range []string{"query: Inquiry", "query: Query", "souk compose --config"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not contain %q: %v", want, err)
		}
	}
	edited = bytes.Replace(text, []byte("\n\n"), []byte("\n#\n"), 1)
	if err := os.WriteFile(output, edited, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := command.Run(t.Context()); !errors.Is(err, compose.ErrStale) || !strings.Contains(err.Error(), `is "#", but should be ""; run `) {
		t.Errorf("with another line for an empty one: got error %v", err)
	}
	if err := os.Remove(output); err != nil {
		t.Fatal(err)
	}
	if err := command.Run(t.Context()); !errors.Is(err, compose.ErrStale) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after removing the file: got error %v, want ErrStale and ErrNotExist", err)
	}
}

func TestSchemaIsFetchedFromRunningSubgraph(t *testing.T) {
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":{"_service":{"sdl":"type Query { greeting: String }"}}}`))
	}))
	defer subgraph.Close()
	path := filepath.Join(t.TempDir(), "supergraph.yaml")
	config := "subgraphs:\n  hello:\n    schema: {subgraph_url: '" + subgraph.URL + "'}\n"
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (compose.Command{Config: path, Stdout: &out, Client: subgraph.Client()}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"greeting: String", `@join__graph(name: "hello", url: "` + subgraph.URL + `")`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the supergraph does not contain %q", want)
		}
	}
}

func TestComposeStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("shutting down")
	cancel(reason)
	_, err := compose.Compose(ctx, []compose.Subgraph{{Name: "a", URL: "http://a", SDL: "type Query { a: Int }"}})
	if !errors.Is(err, reason) {
		t.Errorf("got %v, want %v", err, reason)
	}
}
