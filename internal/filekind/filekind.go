// Package filekind tells what a file seems to be that cannot be read as what it was given for.
package filekind

import (
	"regexp"
	"strings"
)

// A Kind is what a text seems to be.
type Kind string

// The kinds.
const (
	Unknown       Kind = ""
	Empty         Kind = "an empty file"
	Introspection Kind = "the result of an introspection query"
	JSON          Kind = "JSON"
	Composition   Kind = "the configuration of a composition, which `souk compose --config` and `souk dev --config` read"
	Router        Kind = "the configuration of a router, which `souk router --config` reads"
	Supergraph    Kind = "a supergraph"
	Subgraph      Kind = "the schema of a single subgraph"
	Schema        Kind = "a GraphQL schema"
	Operation     Kind = "a GraphQL operation"
)

var (
	composition    = regexp.MustCompile(`(?m)^(subgraphs|federation_version):`)
	router         = regexp.MustCompile(`(?m)^(listen|supergraph|traffic_shaping|headers|cors|limits|telemetry|authentication):`)
	supergraphMark = regexp.MustCompile(`specs\.apollo\.dev/join|\bjoin__`)
	subgraphMark   = regexp.MustCompile(`specs\.apollo\.dev/federation|@key\s*\(|@external\b|@shareable\b|\b_entities\b|\b_service\b`)
	schema         = regexp.MustCompile(`(?m)^\s*(extend\s+)?(type|interface|input|enum|union|scalar)\s+\w|^\s*(extend\s+)?schema\s*[@{]|^\s*directive\s*@`)
	operation      = regexp.MustCompile(`(?m)^\s*(query|mutation|subscription|fragment)\b\s*[\w(@{]|^\{\s*\w`)
)

// Of returns what a text seems to be.
func Of(text string) Kind {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	switch {
	case text == "":
		return Empty
	case text[0] == '{' && strings.Contains(text, `"__schema"`):
		return Introspection
	case operation.MatchString(text) && !schema.MatchString(text):
		return Operation
	case text[0] == '{' || text[0] == '[':
		return JSON
	case composition.MatchString(text):
		return Composition
	case router.MatchString(text):
		return Router
	case supergraphMark.MatchString(text):
		return Supergraph
	case subgraphMark.MatchString(text):
		return Subgraph
	case schema.MatchString(text):
		return Schema
	}
	return Unknown
}

// Hint returns what to add to an error about a text that is none of the kinds that were
// expected, or "".
func Hint(text string, expected ...Kind) string {
	kind := Of(text)
	for _, e := range append(expected, Unknown) {
		if kind == e {
			return ""
		}
	}
	return "; it looks like " + string(kind)
}
