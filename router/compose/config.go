package compose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"souk/internal/boundedfile"
	"souk/internal/filekind"
	"souk/router/internal/yamlfile"
)

// Config is the configuration file of a composition. It has the format of rover's
// supergraph.yaml or that of Cosmo's graph.yaml, in which the subgraphs are a list.
// The keys files, command and run are additions.
type Config struct {
	// Version is accepted for compatibility with Cosmo and must be 1.
	Version string `yaml:"version"`
	// FederationVersion is accepted for compatibility with rover. With version 1, no
	// subgraph may link to Federation 2. Otherwise it has no effect: the version that
	// an SDL links to applies, and subgraphs of Federation 1 compose as in Federation 2.
	FederationVersion string `yaml:"federation_version"`
	// Subgraphs are the subgraphs by name.
	Subgraphs map[string]SubgraphConfig `yaml:"subgraphs"`

	dir    string   // to which paths are relative
	mocked []string // subgraphs that need no URL
	inputs []string // paths of the files that have been read, and of those with an SDL
	source *yamlfile.Source
}

// SubgraphConfig names the URL of a subgraph and the source of its SDL.
type SubgraphConfig struct {
	Name       string `yaml:"name" list:"key"` // in Cosmo's form
	RoutingURL string `yaml:"routing_url"`
	// Run is the command that starts the subgraph. `souk dev` runs it in the directory
	// of the configuration file.
	Run           []string            `yaml:"run"`
	Schema        SchemaConfig        `yaml:"schema"`
	Introspection IntrospectionConfig `yaml:"introspection"`
}

// SchemaConfig names the source of an SDL. Exactly one source must be set, here or in
// IntrospectionConfig.
type SchemaConfig struct {
	File        string   `yaml:"file"`         // relative to the configuration file
	Files       []string `yaml:"files"`        // files to concatenate, in order
	SDL         string   `yaml:"sdl"`          // the SDL itself
	SubgraphURL string   `yaml:"subgraph_url"` // running subgraph
	// IntrospectionHeaders are the headers of the request to SubgraphURL.
	IntrospectionHeaders map[string]string `yaml:"introspection_headers"`
	// Command is a command that prints the SDL. It runs in the directory of the
	// configuration file.
	Command []string `yaml:"command"`
}

// IntrospectionConfig names a running subgraph, as Cosmo's graph.yaml does. It applies if
// SchemaConfig names no file.
type IntrospectionConfig struct {
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"`
	Raw     bool              `yaml:"raw"` // accepted for compatibility; the response may be of either kind
}

const (
	registry = "fetch the schema once, such as with `rover subgraph fetch GRAPH@VARIANT --name NAME > NAME.graphqls`, and name the file in schema.file"
	settings = "it belongs into the router's configuration: "

	anotherFile = "it belongs into " + string(filekind.Router)
)

// refusedKeys are keys of rover's and Cosmo's files that have no meaning here.
var refusedKeys = map[string]string{
	"subgraphs.*.schema.graphref": registry,
	"subgraphs.*.schema.subgraph": registry,
	"subgraphs.*.subscription":    settings + "set the protocol in subscriptions.subgraphs.NAME.protocol",
	"subgraphs.*.grpc":            "a subgraph is a GraphQL service",
	"subgraphs.*.plugin":          "a subgraph is a GraphQL service",
	"feature_flags":               "compose another supergraph, or use @override with a label",
	"listen":                      anotherFile,
	"supergraph":                  anotherFile,
	"headers":                     anotherFile,
	"traffic_shaping":             anotherFile,
	"cors":                        anotherFile,
	"limits":                      anotherFile,
}

// maxConfigBytes bounds a configuration file, in bytes.
const maxConfigBytes = 8 << 20

// ReadConfig reads and validates a configuration file. It calls lookup to expand
// ${env.NAME} and ${env.NAME:-default} in values; ${file.PATH} is the contents of a file.
// Subgraphs in mocked need no routing_url, and neither do those that have only event streams. The error lists all problems with their line
// and column, and the schema files that cannot be read; the configuration then is what could
// be read of it, or nil.
func ReadConfig(path string, lookup func(string) (string, bool), mocked ...string) (*Config, error) {
	text, err := boundedfile.Read(path, maxConfigBytes)
	if err != nil {
		how := ""
		if errors.Is(err, fs.ErrNotExist) {
			how = "; name the file that lists the subgraphs, or write one with `souk init`"
		}
		return nil, fmt.Errorf("reading the configuration of the composition: %w%s", err, how)
	}
	c := &Config{dir: filepath.Dir(path), inputs: []string{path}}
	var problems yamlfile.Errors
	c.source, problems = yamlfile.Decode(text, c, yamlfile.Options{
		File: path, Lookup: lookup, Refused: refusedKeys,
		ReadFile: func(name string) (string, error) {
			c.inputs = append(c.inputs, c.path(name))
			contents, err := boundedfile.Read(c.path(name), maxSDLBytes)
			return string(contents), err
		},
	})
	c.mocked = mocked
	problems = append(problems, c.check(mocked)...)
	if len(problems) > 0 {
		return c, append(problems, c.checkFiles()...).Sorted()
	}
	for _, name := range c.Names() {
		c.inputs = append(c.inputs, c.Files(name)...)
	}
	return c, nil
}

// NewConfig returns the configuration of running subgraphs, by name.
func NewConfig(urls map[string]string) (*Config, error) {
	c := &Config{Subgraphs: map[string]SubgraphConfig{}, dir: "."}
	for name, at := range urls {
		c.Subgraphs[name] = SubgraphConfig{Schema: SchemaConfig{SubgraphURL: at}}
	}
	if problems := c.check(nil); len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// Names returns the names of the subgraphs, sorted.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.Subgraphs)) }

// path returns a path that is relative to the configuration file.
func (c *Config) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

func (c *Config) check(mocked []string) (problems yamlfile.Errors) {
	fail := func(path, format string, args ...any) {
		problems = append(problems, c.source.Problem(path, format, args...))
	}
	unread := c.source.Unread
	if v := c.major(); v != "" && v != "0" && v != "1" && v != "2" {
		fail("federation_version", "federation_version is %q; it must be 2, a version such as =2.9.0, or 1", c.FederationVersion)
	}
	if c.Version != "" && c.Version != "1" {
		fail("version", "version is %q; only version 1 is known", c.Version)
	}
	if len(c.Subgraphs) == 0 && !unread("subgraphs") && !c.ofAnotherKind() {
		fail("subgraphs", "there are no subgraphs; add at least one with its routing_url and schema.file")
	}
	for _, name := range mocked {
		if _, ok := c.Subgraphs[name]; !ok && len(c.Subgraphs) > 0 && !unread("subgraphs") {
			fail("subgraphs", "--mock names %q; the subgraphs are %s", name, strings.Join(c.Names(), ", "))
		}
	}
	for _, name := range c.Names() {
		s, path := c.Subgraphs[name], "subgraphs."+name
		urlKey, headersKey := s.adopt()
		c.Subgraphs[name] = s
		schema, introspection := path+".schema", path+".introspection"
		switch given := s.Schema.given(); {
		case len(given) == 0 && !unread(schema, introspection):
			fail(path, "%s has no source of its schema; %s", path, s.missingSource(name))
		case len(given) > 1:
			fail(path, "%s.schema has %s; it needs exactly one of file, files, sdl, subgraph_url and command", path, strings.Join(given, " and "))
		}
		if !c.readLater(name) && !unread(path+".routing_url", schema+".subgraph_url", introspection) && !c.reachable(name, c.sdl(name)) {
			fail(path, noURL, path)
		}
		for key, value := range map[string]string{"routing_url": s.RoutingURL, urlKey: s.Schema.SubgraphURL} {
			if err := checkURL(value); value != "" && err != nil {
				fail(path+"."+key, "%s.%s is %q; %v", path, key, value, err)
			}
		}
		for _, header := range slices.Sorted(maps.Keys(s.Schema.IntrospectionHeaders)) {
			if !httpguts.ValidHeaderFieldName(header) || !httpguts.ValidHeaderFieldValue(s.Schema.IntrospectionHeaders[header]) {
				fail(path+"."+headersKey+"."+header, "%q is not a header that can be sent; its name or value has an invalid character", header)
			}
		}
	}
	return problems
}

const noURL = "%s has no routing_url, the URL to which the router sends requests"

// reachable reports whether a subgraph with an SDL has a URL, or needs none.
func (c *Config) reachable(name, sdl string) bool {
	s := c.Subgraphs[name]
	return s.url() != "" || slices.Contains(c.mocked, name) || eventsOnly(sdl)
}

// readLater reports whether the SDL of a subgraph can be read only once, when it is loaded: the
// output of a command, or a pipe.
func (c *Config) readLater(name string) bool {
	return len(c.Subgraphs[name].Schema.Command) > 0 || slices.ContainsFunc(c.Files(name), func(file string) bool {
		info, err := os.Stat(file)
		return err == nil && !info.Mode().IsRegular()
	})
}

// sdl returns the SDL of a subgraph without a URL, as far as it can be read.
func (c *Config) sdl(name string) string {
	s := c.Subgraphs[name]
	if s.url() != "" || s.Schema.SDL != "" {
		return s.Schema.SDL
	}
	read, _ := c.readFiles(name)
	return read.SDL
}

// ofAnotherKind reports whether the file has keys of another file.
func (c *Config) ofAnotherKind() bool {
	for key, message := range refusedKeys {
		if message == anotherFile && c.source.Unread(key) {
			return true
		}
	}
	return false
}

// major returns the major version of Federation. Composition of Federation 1 has the versions
// 0 and 1.
func (c *Config) major() string {
	major, _, _ := strings.Cut(strings.TrimPrefix(c.FederationVersion, "="), ".")
	return major
}

// checkVersion checks that an SDL fits the version of Federation.
func (c *Config) checkVersion(name, sdl string) *yamlfile.Error {
	if v := c.major(); (v == "0" || v == "1") && strings.Contains(sdl, "specs.apollo.dev/federation/v2") {
		return c.source.Problem("federation_version", "federation_version is %q, but the subgraph %s links to Federation 2; set it to 2: subgraphs of Federation 1 compose, too", c.FederationVersion, name)
	}
	return nil
}

// adopt brings the form of Cosmo into that of rover. It returns the keys of the file that have
// the URL and the headers of a running subgraph.
func (s *SubgraphConfig) adopt() (urlKey, headersKey string) {
	if s.Introspection.URL != "" && len(s.Schema.given()) == 0 {
		s.Schema.SubgraphURL, s.Schema.IntrospectionHeaders = s.Introspection.URL, s.Introspection.Headers
		return "introspection.url", "introspection.headers"
	}
	return "schema.subgraph_url", "schema.introspection_headers"
}

// url is the URL to which the router sends requests.
func (s *SubgraphConfig) url() string {
	if s.RoutingURL != "" {
		return s.RoutingURL
	}
	return s.Schema.SubgraphURL
}

// given returns the sources that are set.
func (s *SchemaConfig) given() (keys []string) {
	for _, source := range []struct {
		key string
		set bool
	}{
		{"file", s.File != ""}, {"files", len(s.Files) > 0}, {"sdl", s.SDL != ""},
		{"subgraph_url", s.SubgraphURL != ""}, {"command", len(s.Command) > 0},
	} {
		if source.set {
			keys = append(keys, source.key)
		}
	}
	return keys
}

// missingSource says how to name the source of an SDL, in the form of the file: a list, as
// Cosmo has it, or a map.
func (s *SubgraphConfig) missingSource(name string) string {
	from := cmp.Or(s.RoutingURL, "http://localhost:4001/graphql")
	ask := "`schema: {subgraph_url: " + from + "}`"
	if s.Name != "" {
		ask = "`introspection: {url: " + from + "}`, as in Cosmo's files,"
	}
	return fmt.Sprintf("add %s to ask the running subgraph, or `schema: {file: %s.graphqls}` for a file", ask, name)
}

// checkURL checks that a URL can be requested.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("it must be a URL that begins with http:// or https://")
	}
	_, err = http.NewRequest(http.MethodPost, text, http.NoBody) //nolint:noctx // it is not sent
	return err
}
