package compose_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/router/compose"
)

// writeConfig writes a configuration and the files beside it, and returns its path.
func writeConfig(t *testing.T, text string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, contents := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "supergraph.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func variables(set map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := set[name]
		return value, ok
	}
}

func TestConfigurationErrorsNameThePlaceAndTheRemedy(t *testing.T) {
	const sdl = ", schema: {sdl: 'type Query { a: Int }'}"
	cases := map[string]struct{ yaml, want string }{
		"unknown key":         {"subgraphs:\n  a:\n    routing_uri: http://a\n", `3:5: unknown key "subgraphs.a.routing_uri"; did you mean "routing_url"?`},
		"unknown source":      {"subgraphs:\n  a:\n    schema:\n      fil: a\n", `4:7: unknown key "subgraphs.a.schema.fil"; did you mean "file"?`},
		"name outside a list": {"subgraphs: {a: {name: a, routing_url: 'http://a'" + sdl + "}}", `1:17: unknown key "subgraphs.a.name"; known are introspection, routing_url, run, schema`},
		"tab":                 {"subgraphs:\n\ta:\n", "2:1: a line begins with a tab; YAML is indented with spaces"},
		"tabs":                {"subgraphs:\n  a:\n\t\trouting_url: x\n", "3:1: a line begins with a tab; YAML is indented with spaces"},
		"empty":               {"", "1:1: there are no subgraphs; add at least one with its routing_url and schema.file"},
		"no subgraphs":        {"federation_version: =2.9.0\n", "1:1: there are no subgraphs"},
		"no url":              {"subgraphs:\n  a:\n    schema: {file: a.graphqls}\n", "2:3: subgraphs.a has no routing_url, the URL to which the router sends requests"},
		"no source":           {"subgraphs:\n  a:\n    routing_url: http://a\n", "2:3: subgraphs.a has no source of its schema; add `schema: {subgraph_url: http://a}` to ask the running subgraph, or `schema: {file: a.graphqls}` for a file"},
		"two sources":         {"subgraphs:\n  a:\n    routing_url: http://a\n    schema: {file: a.graphqls, subgraph_url: 'http://a'}\n", "2:3: subgraphs.a.schema has file and subgraph_url; it needs exactly one"},
		"not a URL":           {"subgraphs:\n  a: {routing_url: localhost" + sdl + "}\n", `2:20: subgraphs.a.routing_url is "localhost"; it must be a URL that begins with http:// or https://`},
		"not a header":        {"subgraphs:\n  a:\n    schema: {subgraph_url: 'http://a', introspection_headers: {'A B': x}}\n", `3:64: "A B" is not a header that can be sent`},
		"registry":            {"subgraphs:\n  a:\n    schema:\n      graphref: g@current\n      subgraph: a\n", "4:7: subgraphs.a.schema.graphref is not supported; fetch the schema once, such as with `rover subgraph fetch GRAPH@VARIANT"},
		"subscription":        {"subgraphs:\n  - {name: a, subscription: {protocol: sse}}\n", "2:15: subgraphs[0].subscription is not supported; it belongs into the router's configuration: set the protocol in subscriptions.subgraphs.NAME.protocol"},
		"federation 3":        {"federation_version: =3.0\nsubgraphs:\n  a: {routing_url: 'http://a'" + sdl + "}\n", `1:21: federation_version is "=3.0"; it must be 2, a version such as =2.9.0, or 1`},
		"version":             {"version: 2\nsubgraphs:\n  - {name: a, routing_url: 'http://a'" + sdl + "}\n", `1:10: version is "2"; only version 1 is known`},
		"entry without name":  {"subgraphs:\n  - {routing_url: 'http://a'" + sdl + "}\n", "2:5: subgraphs[0] has no name"},
		"name used twice":     {"subgraphs:\n  - {name: a, routing_url: 'http://a'" + sdl + "}\n  - {name: a, routing_url: 'http://a'" + sdl + "}\n", `3:5: subgraphs[1] has the name "a", which another entry has; choose another one`},
		"unset variable":      {"subgraphs:\n  a:\n    routing_url: ${env.NONE}\n", "3:18: subgraphs.a.routing_url uses the environment variable NONE, which is not set; set it, or write ${env.NONE:-default} to provide a default"},
		"missing contents":    {"subgraphs:\n  a:\n    routing_url: ${file.none}\n", "3:18: subgraphs.a.routing_url uses the file none: open "},
		"not a mapping":       {"- a\n", "1:1: the configuration is a list; it must be a block with the keys federation_version, subgraphs, version"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, c.yaml, nil)
			_, err := compose.ReadConfig(path, variables(nil))
			if err == nil || !strings.Contains("\n"+err.Error(), "\n"+path+":"+c.want) {
				t.Errorf("got  %v\nwant %s", err, path+":"+c.want)
			}
		})
	}
}

func TestConfigurationReportsEveryProblem(t *testing.T) {
	path := writeConfig(t, "subgraphs:\n  a: {routing_url: '${env.A}', scheme: {}}\n  b: [1]\n", nil)
	_, err := compose.ReadConfig(path, variables(nil))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want three problems", err)
	}
}

// Sources that cannot be loaded are reported together, at their places.
func TestLoadReportsEverySource(t *testing.T) {
	subgraph := httptest.NewServer(http.NotFoundHandler())
	defer subgraph.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	path := writeConfig(t, `subgraphs:
  a:
    routing_url: http://a
    schema:
      file: none.graphqls
  b: {routing_url: http://b, schema: {command: [sh, -c, "echo broken >&2; exit 3"]}}
  c: {schema: {subgraph_url: "`+subgraph.URL+`"}}
  d: {schema: {subgraph_url: "`+closed.URL+`"}}
  e: {routing_url: http://e, schema: {command: ["true"]}}
  f: {routing_url: http://f, schema: {file: f.json}}
  g: {routing_url: http://g, schema: {files: [no1.graphqls, f.json, g.graphqls, no2.graphqls]}}
`, map[string]string{"f.json": "{}", "g.graphqls": "type Query { a: Int }"})
	config, err := compose.ReadConfig(path, variables(nil))
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Load(t.Context(), http.DefaultClient)
	if err == nil {
		t.Fatal("got no error")
	}
	got := strings.Split(err.Error(), "\n")
	want := []string{
		":5:13: loading the schema of subgraph a: " + filepath.Join(filepath.Dir(path), "none.graphqls") + " does not exist; paths are relative to the directory of the configuration file",
		":6:48: loading the schema of subgraph b: `sh -c echo broken >&2; exit 3` failed: exit status 3: broken",
		":7:30: loading the schema of subgraph c: " + subgraph.URL + " responded with status 404 and without a GraphQL response in JSON; is it the URL of the GraphQL endpoint?",
		":8:30: loading the schema of subgraph d: cannot reach the server: ",
		":9:48: loading the schema of subgraph e: `true` printed nothing; it must print the SDL to its standard output",
		":10:45: loading the schema of subgraph f: " + filepath.Join(filepath.Dir(path), "f.json") + " is JSON; name a file with an SDL",
		":11:47: loading the schema of subgraph g: " + filepath.Join(filepath.Dir(path), "no1.graphqls") + " does not exist",
		":11:61: loading the schema of subgraph g: " + filepath.Join(filepath.Dir(path), "f.json") + " is JSON",
		":11:81: loading the schema of subgraph g: " + filepath.Join(filepath.Dir(path), "no2.graphqls") + " does not exist",
	}
	if len(got) != len(want) {
		t.Fatalf("got\n%s", err)
	}
	for i, line := range got {
		if !strings.HasPrefix(line, path+want[i]) {
			t.Errorf("got  %s\nwant %s", line, path+want[i])
		}
	}
}

// The forms of rover and Cosmo, with all their sources, give the same supergraph.
func TestFormsOfOtherToolsAreRead(t *testing.T) {
	const a, b = "type Query { a: Int }", "type Query { b: Int }"
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			_, _ = w.Write([]byte(`{"errors":[{"message":"who are you?"}]}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":{"_service":{"sdl":"` + b + `"}}}`))
	}))
	defer subgraph.Close()
	env := variables(map[string]string{"URL": subgraph.URL, "TOKEN": "secret", "DIR": ".", "EMPTY": ""})
	files := map[string]string{"a.graphqls": a, "token.txt": "secret"}
	supergraphs := map[string]string{}
	for name, text := range map[string]string{
		"rover": `federation_version: =2.9.1
subgraphs:
  a:
    routing_url: http://${env.HOST:-a}
    schema:
      file: ${env.DIR}/a.graphqls
  b:
    schema:
      subgraph_url: ${env.URL}
      introspection_headers:
        Authorization: Bearer ${env.TOKEN}
`,
		"rover with texts": `federation_version: 2
subgraphs:
  a: {routing_url: "http://${env.EMPTY:-a}", schema: {sdl: "type Query { a: Int }"}}
  b: {schema: {subgraph_url: "${env.URL}", introspection_headers: {Authorization: "Bearer ${file.token.txt}"}}}
`,
		"Cosmo": `version: 1
subgraphs:
  - name: b
    introspection:
      url: ${env.URL}
      headers:
        Authorization: Bearer ${env.TOKEN}
  - name: a
    routing_url: http://a
    schema:
      file: a.graphqls
    introspection: {url: "http://unused.invalid"}
`,
		"commands": `subgraphs:
  a: {routing_url: "http://a", schema: {command: [cat, a.graphqls]}}
  b: {routing_url: "${env.URL}", run: [node, index.js], schema: {command: [echo, "type Query { b: Int }"]}}
`,
	} {
		config, err := compose.ReadConfig(writeConfig(t, text, files), env)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		subgraphs, err := config.Load(t.Context(), subgraph.Client())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		result, err := compose.Compose(t.Context(), subgraphs)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		supergraphs[name] = result.SDL
		if result.SDL != supergraphs["rover"] && supergraphs["rover"] != "" {
			t.Errorf("%s: got\n%s\nwant\n%s", name, result.SDL, supergraphs["rover"])
		}
	}
}

func TestMockedSubgraphNeedsNoURL(t *testing.T) {
	path := writeConfig(t, "subgraphs:\n  a: {schema: {sdl: 'type Query { a: Int }'}}\n", nil)
	if _, err := compose.ReadConfig(path, variables(nil), "a"); err != nil {
		t.Error(err)
	}
	if _, err := compose.ReadConfig(path, variables(nil), "b"); err == nil || !strings.Contains(err.Error(), `--mock names "b"; the subgraphs are a`) {
		t.Errorf("got %v", err)
	}
}

// federation_version: 1 is accepted, as rover does: subgraphs of Federation 1 compose.
// Together with subgraphs of Federation 2, it is an error that says what to do.
func TestFederationVersion1(t *testing.T) {
	const list = `subgraphs:
  a: {routing_url: "http://a", schema: {sdl: "type Query { p: P } type P @key(fields: \"id\") { id: ID! }"}}
  b: {routing_url: "http://b", schema: {sdl: '%s extend type P @key(fields: "id") { id: ID! @external name: String }'}}
`
	for _, version := range []string{"1", "=1.3", "=0.37.1", "2"} {
		path := filepath.Join(t.TempDir(), "supergraph.yaml")
		if err := os.WriteFile(path, []byte("federation_version: "+version+"\n"+fmt.Sprintf(list, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := compose.ReadConfig(path, os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		subgraphs, err := c.Load(t.Context(), http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		if result, err := compose.Compose(t.Context(), subgraphs); err != nil || !strings.Contains(result.SDL, "name: String") {
			t.Errorf("%s: got %v, %v", version, result, err)
		}
		linked := fmt.Sprintf(list, `extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@external"])`)
		if err := os.WriteFile(path, []byte("federation_version: "+version+"\n"+linked), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err = compose.ReadConfig(path, os.LookupEnv); err != nil {
			t.Fatal(err)
		}
		_, err = c.Load(t.Context(), http.DefaultClient)
		if want := "but the subgraph b links to Federation 2; set it to 2"; version != "2" && (err == nil || !strings.Contains(err.Error(), want)) || version == "2" && err != nil {
			t.Errorf("%s: got %v", version, err)
		}
	}
}

// One problem does not hide the others, in whatever step they are found. What follows from a
// value that could not be read is no problem of its own.
func TestConfigurationReportsProblemsOfEveryKindAtOnce(t *testing.T) {
	for text, want := range map[string][]string{
		`version: 7
subgraphs:
  a: {routing_url: "${env.NONE}", schema: {file: none.graphqls}}
  b: {routing_url: localhost, routing: x, schema: {sdl: "type Query { a: Int }"}}
  c: {routing_url: http://c, schema: {file: c.graphqls, sdl: "type Query { a: Int }"}, qqqqq: 1}
  d: {routing_url: http://d, wwwww: 1}
  e: {schema: {file: also-none.graphqls}}
`: {
			`1:10: version is "7"`, "3:20: subgraphs.a.routing_url uses", "3:50: loading the schema of subgraph a: ", `4:20: subgraphs.b.routing_url is "localhost"`,
			`4:31: unknown key "subgraphs.b.routing"`, "5:3: subgraphs.c.schema has file and sdl", "5:45: loading the schema of subgraph c: ", `5:88: unknown key "subgraphs.c.qqqqq"`,
			"6:3: subgraphs.d has no source", `6:30: unknown key "subgraphs.d.wwwww"`, "7:3: subgraphs.e has no routing_url", "7:22: loading the schema of subgraph e: ",
		},
		"subgraphs: {a: {routing_url: 'http://a', schema: {file: '${env.NONE}'}}}":       {"1:57: subgraphs.a.schema.file uses"},
		"subgraphs: {a: {routing_url: 'http://a', schema: {files: [x, '${env.NONE}']}}}": {"1:59: loading the schema of subgraph a: ", "1:62: subgraphs.a.schema.files[1] uses"},
		"subgraphs: {'': {schema: {file: x}}, '${env.A}': 1, b: {routing_url: 'http://b', schema: {file: none}}}": {
			"1:13: subgraphs has an entry without a name", "1:38: subgraphs has a key with ${env.A}", "1:97: loading the schema of subgraph b: ",
		},
		"subgraphs: {a: {routing_url: 'http://a', scheme: {file: x}}}":     {`1:42: unknown key "subgraphs.a.scheme"`},
		"subgraphs: {a: {routing_url: 'http://a', schema: {graphref: x}}}": {"1:51: subgraphs.a.schema.graphref is not supported"},
		"subgraphs: {a: {schema: {subgraph_url: '${env.NONE}'}}}":          {"1:40: subgraphs.a.schema.subgraph_url uses"},
		"subgraphs: [{name: a, introspection: {url: '${env.NONE}'}}]":      {"1:44: subgraphs[0].introspection.url uses"},
		"subgraphs: {a: 7}": {`1:16: subgraphs.a is "7"`},
		"subgraph: {a: 7}":  {`1:1: unknown key "subgraph"`},
		"subgraphs: {a: {schema: {subgraph_url: 'http://a', introspection_headers: {A: '${env.NONE}'}}}}\n": {"1:79: subgraphs.a.schema.introspection_headers.A uses"},
		"subgraphs: {": {"1:12: a block that begins with { has no closing }"},
	} {
		path := writeConfig(t, text, nil)
		_, err := compose.ReadConfig(path, variables(nil))
		got := strings.Split(fmt.Sprint(err), "\n")
		if len(got) != len(want) {
			t.Errorf("%s:\ngot\n%v\nwant\n%s", text, err, strings.Join(want, "\n"))
			continue
		}
		for i, line := range want {
			if !strings.HasPrefix(got[i], path+":"+line) {
				t.Errorf("%s:\ngot  %s\nwant %s", text, got[i], line)
			}
		}
	}
}

// A syntax error has its position in the file, also if that is the end of the last file.
func TestSyntaxErrorsAreInTheirFiles(t *testing.T) {
	files := map[string]string{
		"open": "type Query { a: Int", "closed": "type A { a: Int }", "line": "type Query { a: Int\n", "wrong": "\ntyp",
	}
	for list, want := range map[string]string{
		"open": "open:1:20", "line": "line:2:1", "wrong, closed": "wrong:2:1", "closed, wrong": "wrong:2:1", "closed, open": "open:1:20", "closed, line": "line:2:1",
	} {
		path := writeConfig(t, "subgraphs: {a: {routing_url: 'http://a', schema: {files: ["+list+"]}}}", files)
		config, err := compose.ReadConfig(path, variables(nil))
		if err != nil {
			t.Fatal(err)
		}
		subgraphs, err := config.Load(t.Context(), http.DefaultClient)
		if err != nil {
			t.Fatal(err)
		}
		_, err = compose.Compose(t.Context(), subgraphs)
		if want := filepath.Join(filepath.Dir(path), want) + ": INVALID_GRAPHQL: Syntax error: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", list, err, want)
		}
	}
}

// A subgraph needs no URL if all of its root fields are event streams, whatever its directive is
// called and wherever its schema is from.
func TestSubgraphOfEventStreamsNeedsNoURL(t *testing.T) {
	const (
		streams = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key", "@composeDirective"]) `
		known   = streams + `@link(url: "https://souk.dev/events/v1.0", import: ["@eventStream"]) type Subscription { a: A @eventStream(provider: "p", topic: "t") } `
		entity  = `type A @key(fields: "id", resolvable: false) { id: ID! }`
	)
	for name, c := range map[string]struct {
		sdl string
		ok  bool
	}{
		"event streams":     {known + entity, true},
		"another name":      {streams + `@link(url: "https://souk.dev/events/v1.0", import: [{name: "@eventStream", as: "@fed"}]) type Subscription { a: A @fed(provider: "p", topic: "t") } ` + entity, true},
		"no import":         {streams + `@link(url: "https://souk.dev/events/v1.0") type Subscription { a: A @events__eventStream(provider: "p", topic: "t") } ` + entity, true},
		"another query":     {known + entity + ` type Query { b: Int }`, false},
		"an own field":      {known + entity + ` extend type Subscription { b: Int }`, false},
		"a resolved entity": {known + `type A @key(fields: "id") { id: ID! }`, false},
		"another directive": {streams + `@link(url: "https://shop.example/events/v1.0", import: ["@eventStream"]) type Subscription { a: A @eventStream(provider: "p", topic: "t") } ` + entity, false},
		"nothing":           {entity, false},
	} {
		for _, source := range []string{"{file: e.graphqls}", "{files: [e.graphqls]}", "{command: [cat, e.graphqls]}"} {
			path := writeConfig(t, "subgraphs:\n  e:\n    schema: "+source+"\n", map[string]string{"e.graphqls": c.sdl})
			config, err := compose.ReadConfig(path, variables(nil))
			if err == nil {
				_, err = config.Load(t.Context(), http.DefaultClient)
			}
			if c.ok && err != nil || !c.ok && (err == nil || !strings.Contains(err.Error(), ":2:3: subgraphs.e has no routing_url")) {
				t.Errorf("%s, %s: got %v", name, source, err)
			}
		}
	}
}
