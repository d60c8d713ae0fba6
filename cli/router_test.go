package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"souk/cli"
	"souk/internal/loopback/loopbacktest"
)

const supergraph = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }
type Query @join__type(graph: A) { hello: String }
`

// A volume is a directory as Kubernetes mounts a ConfigMap: its files are links
// through one link, which is replaced when the ConfigMap changes.
type volume struct {
	dir     string
	version int
}

func (v *volume) write(t *testing.T, files map[string]string) {
	t.Helper()
	v.version++
	data := fmt.Sprintf("..%d", v.version)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(v.dir, data), 0o755))
	for name, text := range files {
		must(os.WriteFile(filepath.Join(v.dir, data, name), []byte(text), 0o644))
	}
	must(os.Symlink(data, filepath.Join(v.dir, "..data_tmp")))
	must(os.Rename(filepath.Join(v.dir, "..data_tmp"), filepath.Join(v.dir, "..data")))
	if v.version > 1 {
		must(os.RemoveAll(filepath.Join(v.dir, fmt.Sprintf("..%d", v.version-1))))
		return
	}
	for name := range files {
		must(os.Symlink(filepath.Join("..data", name), filepath.Join(v.dir, name)))
	}
}

// The router reloads the supergraph, the configuration and the REST routes when their
// ConfigMaps change, without a restart. It ignores invalid ones.
func TestRouterFollowsConfigMaps(t *testing.T) {
	graph, configuration, routes := &volume{dir: t.TempDir()}, &volume{dir: t.TempDir()}, &volume{dir: t.TempDir()}
	address := loopbacktest.Address(t)
	settings := func(more string) map[string]string {
		return map[string]string{"router.yaml": fmt.Sprintf("version: \"1\"\nlisten: %q\nadmin: {listen: \"\"}\nsupergraph: {file: %q, poll_interval: 20ms}\n%s",
			address, filepath.Join(graph.dir, "supergraph.graphql"), more)}
	}
	route := func(path string) string {
		return fmt.Sprintf(`query hello @rest(method: GET, path: %q, result: "hello") { hello }`, path)
	}
	graph.write(t, map[string]string{"supergraph.graphql": supergraph})
	configuration.write(t, settings("introspection: false\n"))
	routes.write(t, map[string]string{"hello.graphql": route("/api/hello")})

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		root := cli.New(cli.WithVersion("test"))
		root.SetArgs([]string{"router", "--config", filepath.Join(configuration.dir, "router.yaml"), "--routes", routes.dir})
		ended <- root.ExecuteContext(ctx)
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	ask := func(query string) string { return post(t, "http://"+address+"/graphql", `{"query":"`+query+`"}`) }
	becomes := func(what string, condition func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("timed out: %s", what)
			}
		}
	}
	becomes("it answers, without introspection", func() bool { return strings.Contains(ask("{ __schema { queryType { name } } }"), `"errors"`) })

	configuration.write(t, settings("introspection: true\n"))
	becomes("introspection is on", func() bool { return strings.Contains(ask("{ __schema { queryType { name } } }"), `"name":"Query"`) })

	configuration.write(t, settings("introspections: false\n"))
	graph.write(t, map[string]string{"supergraph.graphql": strings.Replace(supergraph, "hello: String", "hello: String\n  fresh: String", 1)})
	becomes("the supergraph has a new field", func() bool {
		return strings.Contains(ask("{ __type(name: \\\"Query\\\") { fields { name } } }"), `"fresh"`)
	})

	configuration.write(t, settings("introspection: false\n"))
	becomes("introspection is off", func() bool { return strings.Contains(ask("{ __schema { queryType { name } } }"), `"errors"`) })

	routes.write(t, map[string]string{"hello.graphql": route("/api/greeting")})
	becomes("the route has moved", func() bool {
		return status(t, "http://"+address+"/api/hello") == 404 && status(t, "http://"+address+"/api/greeting") > 404
	})

	routes.write(t, map[string]string{"hello.graphql": `query later @rest(method: GET, path: "/api/later", result: "later") { later }`})
	becomes("a route without its field is refused", func() bool {
		return strings.Contains(get(t, "http://"+address+"/readyz"), `{"name":"configuration/file","status":"DOWN"`)
	})
	graph.write(t, map[string]string{"supergraph.graphql": strings.Replace(supergraph, "hello: String", "hello: String\n  later: String", 1)})
	becomes("the route is served when its field comes", func() bool { return status(t, "http://"+address+"/api/later") > 404 })
}

// get returns the body of a response.
func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// post returns the response, or "" if there is none.
func post(t *testing.T, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return ""
	}
	return string(text)
}

// status returns the status of a GET, or 0 if there is no response.
func status(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}
