package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// startRouter starts a router with two subgraphs on loopback and returns its URL.
func startRouter(t *testing.T) string {
	t.Helper()
	sdl, err := os.ReadFile("testdata/supergraph.graphql")
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.HTTP.Batching.Enabled = true
	c.OverrideSubgraphURLs, c.Subscriptions.Subgraphs = config.SubgraphURLs{}, map[string]config.SubgraphStream{}
	keys := &keys{released: map[string]chan struct{}{}}
	for name, resolvers := range map[string]resolvers{"users": usersSubgraph(keys), "moods": moodsSubgraph(keys)} {
		server := httptest.NewServer(resolvers)
		t.Cleanup(server.Close)
		c.OverrideSubgraphURLs[name] = []string{server.URL}
		c.Subscriptions.Subgraphs[name] = config.SubgraphStream{Protocol: "sse"}
	}
	c.HTTP.Batching.Enabled, c.IncludeErrors.All = true, true
	documents := filepath.Join(t.TempDir(), "documents.json")
	if err := os.CopyFS(filepath.Dir(documents), os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	c.PersistedDocuments.Path, c.PersistedDocuments.PollInterval = documents, 10*time.Millisecond
	c.MCP.Enabled, c.MCP.Mutations = true, true
	c.Subscriptions.DrainPeriod = 100 * time.Millisecond
	r, err := router.NewReloadable(t.Context(), c, router.Options{Supergraph: string(sdl), Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", r.Handler())
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, req *http.Request) {
		c.Limits.MaxDepth++ // cases run one after another
		if err := r.Reconfigure(req.Context(), c, nil); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /documents", func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(req.Body)
		if err == nil {
			err = os.WriteFile(documents+".new", text, 0o600)
		}
		if err == nil {
			err = os.Rename(documents+".new", documents)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// usersSubgraph resolves the root fields and the names of users.
func usersSubgraph(k *keys) resolvers {
	user := object{"__typename": "User", "id": "1", "name": "Ada"}
	return resolvers{
		"me": func(context.Context, map[string]any) (any, error) { return user, nil },
		"greeting": func(_ context.Context, args map[string]any) (any, error) {
			return fmt.Sprintf("Hello, %v!", args["name"]), nil
		},
		"library": func(context.Context, map[string]any) (any, error) { return library, nil },
		"fail":    func(context.Context, map[string]any) (any, error) { return nil, errors.New("this field always fails") },
		"release": func(_ context.Context, args map[string]any) (any, error) {
			return true, k.release(args["key"].(string))
		},
		"count": func(_ context.Context, args map[string]any) (any, error) {
			var events []any
			for n := range int(args["to"].(int64)) {
				events = append(events, n+1)
			}
			if after, ok := args["after"].(string); ok && len(events) > 1 {
				second := events[1]
				events[1] = func(ctx context.Context, _ map[string]any) (any, error) { return second, k.wait(ctx, after) }
			}
			return events, nil
		},
	}
}

// library has values that a subgraph may send, in JSON forms that the router corrects: a number for
// an ID, and a fraction for an Int.
var library = object{
	"__typename": "Library", "name": "Central", "open": true, "visitors": json.RawMessage("12.0"), "rating": 4, "settings": map[string]any{"any": []any{1, nil}},
	"genres": []any{"POETRY", "TRAVEL"}, "shelves": []any{[]any{1, "2"}, nil},
	"media": []any{
		object{"__typename": "Book", "id": 1, "title": "Odes", "pages": 100},
		object{"__typename": "Film", "id": "2", "title": nil, "minutes": 90},
		object{"__typename": "Map", "id": "3", "title": "Rivers"},
	},
	"best": object{"__typename": "Film", "minutes": 90},
	"newest": object{"__typename": "Newest", "name": func(context.Context, map[string]any) (any, error) {
		return nil, errors.New("the newest one is lent")
	}},
}

// moodsSubgraph resolves the other fields of users.
func moodsSubgraph(k *keys) resolvers {
	user := object{"__typename": "User", "rank": 7, "mood": func(ctx context.Context, args map[string]any) (any, error) {
		if after, ok := args["after"].(string); ok {
			return "fine", k.wait(ctx, after)
		}
		return "fine", nil
	}}
	return resolvers{
		"_entities": func(_ context.Context, args map[string]any) (any, error) {
			var users []any
			for range args["representations"].([]any) {
				users = append(users, user)
			}
			return users, nil
		},
	}
}

// keys hold back fields until a client releases them.
type keys struct {
	mu       sync.Mutex
	released map[string]chan struct{}
}

func (k *keys) of(key string) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.released[key] == nil {
		k.released[key] = make(chan struct{})
	}
	return k.released[key]
}

func (k *keys) release(key string) error {
	close(k.of(key))
	return nil
}

func (k *keys) wait(ctx context.Context, key string) error {
	select {
	case <-k.of(key):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return fmt.Errorf("nobody released %q", key)
	}
}

// An object maps fields to values: scalars, objects, lists or resolvers.
type object map[string]any

type resolver = func(ctx context.Context, args map[string]any) (any, error)

// resolvers resolve the root fields of a subgraph. The resolver of a subscription
// field returns the list of events.
type resolvers map[string]resolver

// ServeHTTP executes GraphQL requests. It answers subscriptions with server-sent
// events.
func (s resolvers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Query     string
		Variables map[string]any
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	document, err := parser.ParseQuery(&ast.Source{Input: body.Query})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e := &execution{ctx: r.Context(), fragments: document.Fragments, variables: body.Variables}
	root := object{"__typename": "Query"}
	for name, resolve := range s {
		root[name] = resolve
	}
	operation := document.Operations[0]
	if operation.Operation != ast.Subscription {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(e.answer(root, operation.SelectionSet))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	field := operation.SelectionSet[0].(*ast.Field)
	events, err := e.resolve(root[field.Name], field)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, event := range events.([]any) {
		data, err := json.Marshal(e.answer(object{field.Name: event}, operation.SelectionSet))
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "event: next\ndata: %s\n\n", data)
		_ = http.NewResponseController(w).Flush()
	}
	fmt.Fprint(w, "event: complete\ndata:\n\n")
}

// An execution executes one operation, as far as these subgraphs need it.
type execution struct {
	ctx       context.Context
	fragments ast.FragmentDefinitionList
	variables map[string]any
	errors    []map[string]any
}

func (e *execution) answer(root object, set ast.SelectionSet) map[string]any {
	e.errors = nil
	answer := map[string]any{"data": e.object(root, set, nil)}
	if e.errors != nil {
		answer["errors"] = e.errors
	}
	return answer
}

func (e *execution) object(of object, set ast.SelectionSet, path []any) map[string]any {
	out := map[string]any{}
	for _, selection := range set {
		var more ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			at := slices.Concat(path, []any{selection.Alias})
			v, err := e.resolve(of[selection.Name], selection)
			if err != nil {
				e.errors = append(e.errors, map[string]any{"message": err.Error(), "path": at})
			}
			out[selection.Alias] = e.value(v, selection, at)
			continue
		case *ast.InlineFragment:
			if media := []string{"Book", "Film", "Map"}; slices.Contains(media, selection.TypeCondition) && selection.TypeCondition != of["__typename"] {
				continue
			}
			more = selection.SelectionSet
		case *ast.FragmentSpread:
			more = e.fragments.ForName(selection.Name).SelectionSet
		}
		for key, v := range e.object(of, more, path) {
			out[key] = v
		}
	}
	return out
}

func (e *execution) resolve(v any, field *ast.Field) (any, error) {
	resolve, ok := v.(resolver)
	if !ok {
		return v, nil
	}
	args := map[string]any{}
	for _, argument := range field.Arguments {
		value, err := argument.Value.Value(e.variables)
		if err != nil {
			return nil, err
		}
		args[argument.Name] = value
	}
	return resolve(e.ctx, args)
}

func (e *execution) value(v any, field *ast.Field, path []any) any {
	switch v := v.(type) {
	case object:
		return e.object(v, field.SelectionSet, path)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = e.value(v[i], field, append(path[:len(path):len(path)], i))
		}
		return out
	}
	return v
}
