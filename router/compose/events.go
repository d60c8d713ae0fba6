package compose

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

// eventsSpec is the beginning of the URLs of the specification of event streams.
const eventsSpec = "https://souk.dev/events/"

// eventsOnly reports whether an SDL has nothing that a server resolves: all root fields are event
// streams (@eventStream), and no type has a key by which entities are resolved. An SDL that cannot
// be parsed counts, too: its syntax error is the problem to report.
func eventsOnly(sdl string) bool {
	doc, err := syntax.Schema(&ast.Source{Input: sdl}, 0)
	if err != nil {
		return true
	}
	directive := eventDirective(doc)
	if directive == "" {
		return false
	}
	streams := false
	for _, def := range slices.Concat(doc.Definitions, doc.Extensions) {
		for _, key := range slices.Concat(def.Directives.ForNames("key"), def.Directives.ForNames("federation__key")) {
			if a := key.Arguments.ForName("resolvable"); a == nil || a.Value.Raw != "false" {
				return false
			}
		}
		if !isRoot(doc, def.Name) {
			continue
		}
		for _, f := range def.Fields {
			if f.Directives.ForName(directive) == nil {
				return false
			}
			streams = true
		}
	}
	return streams
}

// eventDirective returns the local name of @eventStream, or "" if the SDL does not link to it.
func eventDirective(doc *ast.SchemaDocument) string {
	for _, schema := range slices.Concat(doc.Schema, doc.SchemaExtension) {
		for _, link := range schema.Directives.ForNames("link") {
			if url := link.Arguments.ForName("url"); url == nil || !strings.HasPrefix(url.Value.Raw, eventsSpec) {
				continue
			}
			prefix := "events"
			if as := link.Arguments.ForName("as"); as != nil {
				prefix = as.Value.Raw
			}
			imports := link.Arguments.ForName("import")
			if imports == nil {
				return prefix + "__eventStream"
			}
			for _, c := range imports.Value.Children {
				if c.Value.Kind != ast.ObjectValue {
					if c.Value.Raw == "@eventStream" {
						return "eventStream"
					}
					continue
				}
				name, as := c.Value.Children.ForName("name"), c.Value.Children.ForName("as")
				if name != nil && name.Raw == "@eventStream" && as != nil {
					return strings.TrimPrefix(as.Raw, "@")
				}
			}
			return prefix + "__eventStream"
		}
	}
	return ""
}

// isRoot reports whether a type is a root operation type.
func isRoot(doc *ast.SchemaDocument, name string) bool {
	named := false
	for _, schema := range slices.Concat(doc.Schema, doc.SchemaExtension) {
		for _, o := range schema.OperationTypes {
			if o.Type == name {
				return true
			}
			named = true
		}
	}
	return !named && (name == "Query" || name == "Mutation" || name == "Subscription")
}
