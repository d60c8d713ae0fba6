package supergraph

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// features are the specifications that a supergraph links to (link specification
// v1.0, or core v0.1 and v0.2 of Federation 1).
type features struct {
	// prefixes are the prefixes of the names that a feature defines, with whether the gateway
	// implements it.
	prefixes map[string]bool
	// linked are the local names of the directives of all features, known or
	// not: imported directives, and directives with the name of their feature.
	linked map[string]bool
	// names maps the local name of a directive of a known feature to the name in its
	// specification, and others those of other features.
	names, others map[string]string
	// join is the local prefix of the join specification, and version its minor
	// version.
	join    string
	version int

	resolved map[string]string // results of federated
	// last is the directive that federated was called with last, and lastName its result:
	// most applications beside each other are of one directive.
	last, lastName string
}

// known are the features that the gateway implements. The tag feature has no
// effect at run time.
var known = map[string]bool{
	"link": true, "core": true, "join": true, "tag": true, "inaccessible": true, "cost": true,
	"authenticated": true, "requiresScopes": true, "policy": true, "context": true, "cacheTag": true,
}

func readFeatures(doc *ast.SchemaDocument) (*features, error) {
	f := &features{prefixes: map[string]bool{}, linked: map[string]bool{}, names: map[string]string{}, others: map[string]string{}, resolved: map[string]string{}}
	for _, schema := range append(doc.Schema, doc.SchemaExtension...) {
		for _, d := range schema.Directives {
			if d.Name != "link" && d.Name != "core" {
				continue
			}
			if err := f.add(d); err != nil {
				return nil, err
			}
		}
	}
	if f.join == "" {
		return nil, fmt.Errorf(`the schema has no @link or @core to https://specs.apollo.dev/join: this is not a supergraph`)
	}
	return f, nil
}

// add records a feature from its @link or @core directive.
func (f *features) add(d *ast.Directive) error {
	url := stringArgument(d, "url")
	if url == "" {
		url = stringArgument(d, "feature") // core v0.1
	}
	base, version := path.Split(strings.TrimSuffix(url, "/"))
	name := path.Base(base)
	if !strings.HasPrefix(version, "v") { // a URL need not end in a version
		name, version = path.Base(url), ""
	}
	if strings.HasPrefix(url, eventsSpec) && version != eventsVersion {
		return place(d.Position, "the specification of event streams %s is not supported; supported is %s%s", url, eventsSpec, eventsVersion)
	}
	if strings.HasPrefix(url, idempotentSpec) && version != idempotentVersion {
		return place(d.Position, "the specification of idempotent mutations %s is not supported; supported is %s%s", url, idempotentSpec, idempotentVersion)
	}
	known := known[name] && strings.HasPrefix(url, "https://specs.apollo.dev/") || strings.HasPrefix(url, eventsSpec) || strings.HasPrefix(url, idempotentSpec)
	purpose := stringArgument(d, "for")
	if !known && purpose != "" && !strings.HasPrefix(url, connectSpec) { // unserved.go names what uses connectors
		return place(d.Position, "the supergraph requires the feature %s for %s, which this gateway does not support", url, purpose)
	}
	prefix := name
	if as := stringArgument(d, "as"); as != "" {
		prefix = as
	}
	f.prefixes[prefix], f.linked[prefix] = f.prefixes[prefix] || known, true
	if known && name == "join" {
		minor, err := strconv.Atoi(strings.TrimPrefix(version, "v0."))
		if err != nil || minor < 1 || minor > 5 {
			return place(d.Position, "the join specification %s is not supported; supported are v0.1 to v0.5", version)
		}
		f.join, f.version = prefix, minor
	}
	names := f.others
	if known {
		names = f.names
	}
	names[prefix] = name
	if imports := d.Arguments.ForName("import"); imports != nil {
		for _, c := range imports.Value.Children {
			original, local := c.Value.Raw, c.Value.Raw
			if c.Value.Kind == ast.ObjectValue {
				original = childString(c.Value, "name")
				if local = childString(c.Value, "as"); local == "" {
					local = original
				}
			}
			f.linked[strings.TrimPrefix(local, "@")] = true
			if strings.HasPrefix(local, "@") {
				names[local[1:]] = strings.TrimPrefix(original, "@")
			}
		}
	}
	return nil
}

// federated returns the name that a directive has in its specification, or "" if
// it belongs to no known feature. A directive that is not imported has the prefix
// of its feature.
func (f *features) federated(directive string) string {
	if directive == f.last {
		return f.lastName
	}
	name, known := f.resolved[directive]
	if !known {
		name = f.resolve(directive)
		f.resolved[directive] = name
	}
	f.last, f.lastName = directive, name
	return name
}

func (f *features) resolve(directive string) string {
	if name, ok := f.names[directive]; ok {
		return name
	}
	prefix, rest, ok := strings.Cut(directive, "__")
	if !ok || !f.prefixes[prefix] {
		return ""
	}
	if prefix == f.join {
		return "join__" + rest
	}
	return rest
}

// original returns the name that a directive of no known feature has in its specification. If the
// supergraph links to none, the directive has its own name.
func (f *features) original(directive string) string {
	if name, ok := f.others[directive]; ok {
		return name
	}
	if prefix, rest, ok := strings.Cut(directive, "__"); ok && f.links(prefix) {
		return rest
	}
	return directive
}

// links reports whether a feature has a prefix.
func (f *features) links(prefix string) bool {
	_, linked := f.prefixes[prefix]
	return linked
}

// machinery reports whether a definition belongs to a feature and not to the
// graph, such as link__Purpose and join__Graph.
func (f *features) machinery(name string) bool {
	prefix, _, ok := strings.Cut(name, "__")
	return ok && f.links(prefix)
}

func childString(v *ast.Value, name string) string {
	if c := v.Children.ForName(name); c != nil {
		return c.Raw
	}
	return ""
}

func stringArgument(d *ast.Directive, name string) string {
	if a := d.Arguments.ForName(name); a != nil && a.Value.Kind != ast.NullValue {
		return a.Value.Raw
	}
	return ""
}

func boolArgument(d *ast.Directive, name string, otherwise bool) bool {
	if a := d.Arguments.ForName(name); a != nil && a.Value.Kind == ast.BooleanValue {
		return a.Value.Raw == "true"
	}
	return otherwise
}

// intArgument returns an integer argument, or nil if it is missing or not an
// integer.
func intArgument(d *ast.Directive, name string) *int {
	a := d.Arguments.ForName(name)
	if a == nil {
		return nil
	}
	n, err := strconv.Atoi(a.Value.Raw)
	if err != nil {
		return nil
	}
	return &n
}

func stringsOf(v *ast.Value) []string {
	var list []string
	for _, c := range v.Children {
		list = append(list, c.Value.Raw)
	}
	return list
}

// place returns an error with the position in the text, if that is known.
func place(p *ast.Position, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	line, column := syntax.At(p)
	if line == 0 { // a supergraph that has just been composed has no positions
		return err
	}
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}
