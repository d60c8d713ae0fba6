package cli_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"souk/cli"
	"souk/internal/loopback/loopbacktest"
	"souk/router/gateway/config"
)

// done waits until a command has succeeded and returns what it printed.
func (p *process) done(t *testing.T) string {
	t.Helper()
	if status := p.wait(t); status != 0 {
		t.Fatalf("got exit status %d, messages %q", status, p.says())
	}
	return p.stdout.String()
}

// What souk init writes starts, for development and composed.
func TestInitWritesAGraphThatStarts(t *testing.T) {
	subgraph := greeter(t)
	address := loopbacktest.Address(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	dir := writeFiles(t, map[string]string{"more.graphqls": "type Query { more: Int }\n"})
	admin := []string{"ROUTER_ADMIN_LISTEN=" + loopbacktest.Address(t)}
	told := soukIn(t, dir, nil, "init", "--subgraph", "greetings="+subgraph.URL, "--subgraph", "more-data=more.graphqls,http://localhost:1/graphql", "--port", port).done(t)
	for _, want := range []string{"supergraph.yaml", "router.yaml", "docker-compose.yaml", "values.yaml", "souk dev --config supergraph.yaml --router-config router.yaml"} {
		if !strings.Contains(told, want) {
			t.Errorf("the output does not name %s: %s", want, told)
		}
	}
	soukIn(t, dir, nil, "compose", "--config", "supergraph.yaml", "--output", "supergraph.graphql").done(t)
	for _, args := range [][]string{{"dev", "--config", "supergraph.yaml", "--router-config", "router.yaml"}, {"router", "--config", "router.yaml"}} {
		p := soukIn(t, dir, admin, args...)
		await(t, p, "the graph is served", func() bool { return status(t, "http://127.0.0.1:"+port+"/readyz") == http.StatusOK })
		if got := post(t, "http://127.0.0.1:"+port+"/graphql", `{"query":"{ hello }"}`); !strings.Contains(got, `"hello":"world"`) {
			t.Errorf("%v: got %s", args, got)
		}
		p.interrupt(t)
		p.done(t)
	}
	checkContainer(t, filepath.Join(dir, "docker-compose.yaml"), port)
}

// checkContainer checks that the command of the container exists, and that the router of the
// container reaches subgraphs on the machine.
func checkContainer(t *testing.T, file, port string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
			Ports       []string
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	router := compose.Services["router"]
	cmd, flags, err := cli.New().Find(router.Command)
	if err != nil || cmd.ParseFlags(flags) != nil {
		t.Errorf("souk has no command %q: %v", router.Command, err)
	}
	if got := router.Environment["MORE_DATA_URL"]; got != "http://host.docker.internal:1/graphql" {
		t.Errorf("got the URL %q", got)
	}
	if router.Environment["ROUTER_LISTEN"] != ":"+port || len(router.Ports) != 1 || router.Ports[0] != port+":"+port {
		t.Errorf("got %+v", router)
	}
	for _, volume := range router.Volumes {
		source, _, _ := strings.Cut(volume, ":")
		if info, err := os.Stat(filepath.Join(filepath.Dir(file), source)); err != nil || !info.IsDir() {
			t.Errorf("the volume %s is not a directory, so that the router keeps a file that is replaced: %v", volume, err)
		}
	}
	if len(router.Volumes) == 0 {
		t.Error("the container has no volume")
	}
}

func TestInitOverwritesOnlyWithForce(t *testing.T) {
	dir := writeFiles(t, map[string]string{"router.yaml": "mine"})
	args := []string{"init", dir, "--subgraph", "a=http://localhost:1"}
	souk(t, nil, args...).refuses(t, "nothing was written, because there is "+filepath.Join(dir, "router.yaml")+" already; use --force to overwrite, or name another directory")
	if _, err := os.Stat(filepath.Join(dir, "supergraph.yaml")); err == nil {
		t.Error("a file was written nevertheless")
	}
	souk(t, nil, append(args, "--force")...).done(t)
	if text, err := os.ReadFile(filepath.Join(dir, "router.yaml")); err != nil || string(text) == "mine" {
		t.Errorf("got %s, %v", text, err)
	}
	for want, args := range map[string][]string{
		`--subgraph: "a" is not a subgraph; it must be name=URL, or name=FILE,URL`:    {"--subgraph", "a"},
		`the URL "localhost:1" must begin with http:// or https://`:                   {"--subgraph", "a=localhost:1"},
		`the name "1" must begin with a letter`:                                       {"--subgraph", "1=http://localhost:1"},
		`"a=,http://x" names no file before the comma; write a=http://x`:              {"--subgraph", "a=,http://x"},
		`the URL "" must begin with http:// or https://`:                              {"--subgraph", "a=a.graphqls,"},
		`the name "" must begin with a letter`:                                        {"--subgraph", "=http://x"},
		`the subgraph name "a" is used twice; every subgraph needs a unique name`:     {"--subgraph", "a=http://b", "--subgraph", "a=http://c"},
		`--port: the port "0" must be a number from 1 to 65535`:                       {"--port", "0"},
		`there is no terminal to ask on; name the subgraphs with --subgraph name=URL`: {},
	} {
		souk(t, nil, append([]string{"init", t.TempDir()}, args...)...).refuses(t, want)
	}
}

// The command that souk init prints enters the directory whatever its name is: a shell runs it.
func TestInitPrintsACommandThatEntersTheDirectory(t *testing.T) {
	for _, name := range []string{"shop", "my shop", "it's", `a"b`, "$HOME", "-x", "-", "~root", "a;b", "*", "a\\b", ".", "./", "-a b"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			told := soukIn(t, dir, nil, "init", "--subgraph", "a=http://localhost:1", "--", name).done(t)
			lines := strings.Split(strings.TrimSpace(told), "\n")
			printed := strings.TrimSpace(lines[len(lines)-1])
			command, _, _ := strings.Cut(printed, "souk dev --config supergraph.yaml")
			sh := exec.Command("sh", "-c", command+"ls supergraph.yaml")
			sh.Dir = dir
			if out, err := sh.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", printed, err, out)
			}
		})
	}
}

func TestInitAsksOnATerminal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "graph")
	x := inTerminal(t, 80, 24, nil, "init", dir)
	x.shows("Name of the subgraph")
	x.types("products\r")
	x.shows("Its URL")
	x.types("localhost\r")
	x.shows("must begin with http://")
	x.types("\x15http://localhost:4001/graphql\r") // after ctrl+u
	x.shows("File with its schema")
	x.types("products.graphqls\r")
	x.shows("Add another subgraph?")
	x.types("\r") // no
	x.ends(t)
	text, err := os.ReadFile(filepath.Join(dir, "supergraph.yaml"))
	if err != nil || !strings.Contains(string(text), "  products:\n    routing_url: \"http://localhost:4001/graphql\"\n    schema:\n      file: \"../") || !strings.Contains(string(text), "/products.graphqls\"\n") {
		t.Errorf("got %s, %v", text, err)
	}
}

// What souk init writes is YAML whatever the names, URLs and files of subgraphs are, and each
// file has them as they were given.
func TestInitQuotesWhatYAMLNeeds(t *testing.T) {
	given := map[string]string{
		"true":  "http://localhost:4001/graphql?a=1&b='x'#c:%20d",
		"redis": "http://localhost:4002/$path/$$",
		"no":    "http://user:p%22ss@[::1]:4003/graphql",
	}
	file := "it's \"quoted\" # é.graphqls"
	dir := writeFiles(t, map[string]string{file: "type Query { a: Int }\n"})
	args := []string{"init"}
	for name, url := range given {
		args = append(args, "--subgraph", name+"="+file+","+url)
	}
	soukIn(t, dir, nil, args...).done(t)
	read := func(name string, into any) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = yaml.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
	}
	var composition struct {
		Subgraphs map[string]struct {
			RoutingURL string `yaml:"routing_url"`
			Schema     struct{ File string }
		}
	}
	read("supergraph.yaml", &composition)
	for name, url := range given {
		if got := composition.Subgraphs[name]; got.RoutingURL != url || got.Schema.File != file {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	made, _, err := config.Read(filepath.Join(dir, "router.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if got := made.OverrideSubgraphURLs; len(got) != len(given) {
		t.Errorf("router.yaml has %v", got)
	}
	for name, url := range given {
		if got := made.OverrideSubgraphURLs.Of(name, ""); len(got) != 1 || got[0] != url {
			t.Errorf("router.yaml has %v for %s", got, name)
		}
	}
	var containers struct {
		Services map[string]struct{ Environment map[string]string }
	}
	read("docker-compose.yaml", &containers)
	environment := containers.Services["router"].Environment
	if got := environment["REDIS_SUBGRAPH_URL"]; got != "http://host.docker.internal:4002/$$path/$$$$" || environment["REDIS_URL"] != "" {
		t.Errorf("docker-compose.yaml has %v", environment)
	}
	soukIn(t, dir, nil, "config", "validate", "router.yaml").done(t)
}

// A file with a schema is named from where the command runs. The graph in another directory
// finds it from there.
func TestInitInAnotherDirectoryFindsTheFiles(t *testing.T) {
	dir := writeFiles(t, map[string]string{"reviews.graphqls": "type Query { reviews: Int }\n", "absolute.graphqls": "type Query { absolute: Int }\n"})
	absolute := filepath.Join(dir, "absolute.graphqls")
	soukIn(t, dir, nil, "init", "--subgraph", "reviews=reviews.graphqls,http://localhost:4002/graphql",
		"--subgraph", "absolute="+absolute+",http://localhost:4003/graphql", "graphs/shop").done(t)
	shop := filepath.Join(dir, "graphs", "shop")
	text, err := os.ReadFile(filepath.Join(shop, "supergraph.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`file: "../../reviews.graphqls"`, `file: "` + absolute + `"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("supergraph.yaml does not have %s:\n%s", want, text)
		}
	}
	composed := soukIn(t, shop, nil, "compose", "--config", "supergraph.yaml", "--output", "-").done(t)
	if !strings.Contains(composed, "reviews: Int") {
		t.Errorf("the graph does not have the schema of the file:\n%s", composed)
	}
}
