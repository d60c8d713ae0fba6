package newgraph

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"souk/internal/outfile"
)

// A Graph is what the files describe.
type Graph struct {
	Subgraphs []Subgraph
	// Port is the port of the router.
	Port int
}

// A Subgraph is a subgraph of a new graph.
type Subgraph struct {
	Name string
	URL  string
	File string // with its SDL, from the working directory; empty to ask the running subgraph
}

// ParseSubgraph parses name=URL, or name=FILE,URL for a subgraph whose SDL is in a file.
func ParseSubgraph(text string) (Subgraph, error) {
	const form = "it must be name=URL, or name=FILE,URL, such as products=products.graphqls,http://localhost:4001/graphql"
	name, rest, ok := strings.Cut(text, "=")
	if !ok {
		return Subgraph{}, fmt.Errorf("%q is not a subgraph; %s", text, form)
	}
	s := Subgraph{Name: name, URL: rest}
	if file, at, given := strings.Cut(rest, ","); given {
		if file == "" {
			return Subgraph{}, fmt.Errorf("%q names no file before the comma; write %s=%s if the running subgraph has the schema; %s", text, name, at, form)
		}
		s.File, s.URL = file, at
	}
	if err := errors.Join(CheckName(s.Name), CheckURL(s.URL), CheckFile(s.File)); err != nil {
		return Subgraph{}, fmt.Errorf("%q: %w; %s", text, err, form)
	}
	return s, nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// CheckName checks the name of a subgraph.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("the name %q must begin with a letter and consist of letters, digits, _ and -", name)
	}
	return nil
}

// CheckURL checks the URL of a subgraph.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the URL %q must begin with http:// or https://", text)
	}
	if i := strings.IndexFunc(text, notInURL); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return fmt.Errorf("the URL %q has the character %q; write it as %s", text, r, url.PathEscape(string(r)))
	}
	return nil
}

// notInURL reports whether a character cannot be part of a URL (RFC 3986).
func notInURL(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r)
}

// CheckFile checks the name of a file with an SDL; it may be empty.
func CheckFile(name string) error {
	if !utf8.ValidString(name) || strings.Contains(name, "${") || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("the file name %q must not have control characters or ${; rename the file", name)
	}
	return nil
}

// CheckPort checks the port of the router.
func CheckPort(text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("the port %q must be a number from 1 to 65535", text)
	}
	return nil
}

// Write writes the files of a graph into a directory, which it creates if necessary, and
// returns their paths. Files that exist are overwritten only with force; otherwise nothing
// is written.
func (g Graph) Write(dir string, force bool) ([]string, error) {
	if len(g.Subgraphs) == 0 {
		return nil, errors.New("a graph needs at least one subgraph")
	}
	for i, s := range g.Subgraphs {
		for _, o := range g.Subgraphs[:i] {
			switch {
			case o.Name == s.Name:
				return nil, fmt.Errorf("the subgraph name %q is used twice; every subgraph needs a unique name", s.Name)
			case o.variable() == s.variable():
				return nil, fmt.Errorf("the subgraphs %q and %q would share the environment variable %s; rename one of them so that they differ in more than case, - and _", o.Name, s.Name, s.variable())
			}
		}
	}
	given := g.Subgraphs
	if err := g.relocate(dir); err != nil {
		return nil, err
	}
	files := []struct{ name, text string }{
		{"supergraph.yaml", g.supergraph()}, {"router.yaml", g.router()}, {"docker-compose.yaml", g.compose()}, {"values.yaml", g.values()},
	}
	if there, err := os.Stat(dir); err == nil && !there.IsDir() {
		return nil, fmt.Errorf("%s is not a directory; name another one", dir)
	}
	var paths, present []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		paths = append(paths, path)
		for _, s := range given {
			if outfile.Among(path, s.File) != "" {
				return nil, fmt.Errorf("nothing was written, because the schema of the subgraph %s is %s, which would be overwritten; rename that file", s.Name, path)
			}
		}
		if _, err := os.Lstat(path); err == nil {
			present = append(present, path)
		}
	}
	if len(present) > 0 && !force {
		return nil, fmt.Errorf("nothing was written, because there is %s already; use --force to overwrite, or name another directory", strings.Join(present, ", "))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the directory of the graph: %w", err)
	}
	for i, f := range files {
		if err := os.WriteFile(paths[i], []byte(f.text), 0o644); err != nil {
			return nil, fmt.Errorf("writing the files of the graph: %w", err)
		}
	}
	return paths, nil
}

// relocate makes the names of files relative to the directory of the graph, from where they are
// read. Absolute ones stay as they are.
func (g *Graph) relocate(dir string) error {
	g.Subgraphs = slices.Clone(g.Subgraphs)
	from, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding the directory of the graph: %w", err)
	}
	for i, s := range g.Subgraphs {
		if s.File == "" || filepath.IsAbs(s.File) {
			continue
		}
		file, err := filepath.Abs(s.File)
		if err != nil {
			return fmt.Errorf("finding the schema of the subgraph %s: %w", s.Name, err)
		}
		if file, err = filepath.Rel(resolved(from), filepath.Join(resolved(filepath.Dir(file)), filepath.Base(file))); err != nil {
			return fmt.Errorf("finding the schema of the subgraph %s from %s: %w", s.Name, dir, err)
		}
		g.Subgraphs[i].File = filepath.ToSlash(file)
	}
	return nil
}

// resolved returns a path without symbolic links, above which .. would be another directory. What
// does not exist yet is none.
func resolved(path string) string {
	missing := ""
	for {
		if there, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(there, missing)
		}
		if filepath.Dir(path) == path {
			return filepath.Join(path, missing)
		}
		path, missing = filepath.Dir(path), filepath.Join(filepath.Base(path), missing)
	}
}

// inContainer returns the URL by which a container reaches a subgraph.
func (s Subgraph) inContainer() string { return s.at("host.docker.internal") }

// inCluster returns the URL by which a pod reaches a subgraph: the name of a Service cannot
// have capital letters and underscores.
func (s Subgraph) inCluster() string {
	return s.at(strings.ToLower(strings.ReplaceAll(s.Name, "_", "-")))
}

// at returns the URL of a subgraph with another host if it is on this machine.
func (s Subgraph) at(host string) string {
	u, err := url.Parse(s.URL)
	if err != nil { // not reached: the URL was checked
		return s.URL
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		if port := u.Port(); port != "" {
			host = net.JoinHostPort(host, port)
		}
		u.Host = host
	}
	return u.String()
}

// variable is the environment variable that replaces the URL of a subgraph. It is none that
// the router reads for itself.
func (s Subgraph) variable() string {
	name := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
	if name == "REDIS" {
		name += "_SUBGRAPH"
	}
	return name + "_URL"
}

// key is the name of a subgraph as a key of YAML.
func (s Subgraph) key() string {
	switch strings.ToLower(s.Name) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s.Name)
	}
	return s.Name
}
