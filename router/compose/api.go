package compose

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/blocking"
	"souk/internal/boundedfile"
	"souk/internal/filekind"
	"souk/router/compose/internal/fetch"
	"souk/router/internal/syntax"
	"souk/router/supergraph"
)

// An APISource says where to read the schema that clients of a graph see.
type APISource struct {
	// Path is one of:
	//   - the URL of a running graph, which is introspected, or of a subgraph,
	//   - a configuration file of a composition, which ends with .yaml or .yml,
	//   - a file with a supergraph SDL, a subgraph SDL, or a plain schema.
	Path string
	// Lookup expands environment variables in a configuration file.
	Lookup func(string) (string, bool)
	// Client and Headers are for requests to a running graph.
	Client  *http.Client
	Headers map[string]string
}

// Read returns the schema. If subgraphs do not compose, the error is an Errors.
func (s APISource) Read(ctx context.Context) (*ast.Schema, error) {
	if strings.HasPrefix(s.Path, "http://") || strings.HasPrefix(s.Path, "https://") {
		sdl, err := fetch.SDL(ctx, s.Client, s.Path, s.Headers)
		if err != nil {
			return nil, fmt.Errorf("reading the schema of the running graph: %w", err)
		}
		return s.parse(ctx, sdl)
	}
	if extension := filepath.Ext(s.Path); extension == ".yaml" || extension == ".yml" {
		config, err := blocking.Call(ctx, func() (*Config, error) { return ReadConfig(s.Path, s.Lookup) })
		if err != nil {
			return nil, err
		}
		subgraphs, err := config.Load(ctx, s.Client)
		if err != nil {
			return nil, err
		}
		return s.compose(ctx, subgraphs)
	}
	text, err := blocking.Call(ctx, func() ([]byte, error) { return boundedfile.Read(s.Path, maxSDLBytes) })
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	return s.parse(ctx, string(text))
}

// parse returns the API schema of an SDL: of a supergraph, of a subgraph, or the schema
// itself.
func (s APISource) parse(ctx context.Context, sdl string) (*ast.Schema, error) {
	document, err := syntax.Schema(&ast.Source{Name: s.Path, Input: sdl}, 0)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the schema: %w%s", err, filekind.Hint(sdl, filekind.Supergraph, filekind.Subgraph, filekind.Schema))
	case document.Definitions.ForName("join__Graph") != nil:
		return APISchema(s.Path, sdl)
	case federated(document):
		name := strings.TrimSuffix(filepath.Base(s.Path), filepath.Ext(s.Path))
		return s.compose(ctx, []Subgraph{{Name: name, URL: "http://localhost", SDL: sdl, Files: []File{{s.Path, strings.Count(sdl, "\n") + 1}}}})
	}
	schema, err := syntax.LoadSchema(&ast.Source{Name: s.Path, Input: sdl})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the schema: %w", err)
	case schema.Query == nil:
		return nil, fmt.Errorf("reading the schema: %s defines no type Query%s; a schema without it has nothing that clients can use", s.Path, filekind.Hint(sdl, filekind.Schema))
	}
	return schema, nil
}

// compose returns the API schema of the supergraph of subgraphs.
func (s APISource) compose(ctx context.Context, subgraphs []Subgraph) (*ast.Schema, error) {
	result, err := Compose(ctx, subgraphs)
	if err != nil {
		return nil, err
	}
	return APISchema(s.Path, result.SDL)
}

// APISchema returns the API schema of a supergraph. Errors name the path that it is from.
func APISchema(path, sdl string) (*ast.Schema, error) {
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return nil, fmt.Errorf("%s: reading the supergraph: %w", path, err)
	}
	schema, err := syntax.LoadSchema(&ast.Source{Name: path, Input: model.APISchema})
	if err != nil {
		return nil, fmt.Errorf("%s: reading the API schema: %w", path, err)
	}
	return schema, nil
}

// federated reports whether a document is the schema of a subgraph: it links to Federation
// or, in Federation 1, has types with @key.
func federated(document *ast.SchemaDocument) bool {
	for _, definition := range slices.Concat(document.Schema, document.SchemaExtension) {
		for _, d := range definition.Directives {
			if url := d.Arguments.ForName("url"); d.Name == "link" && url != nil && strings.Contains(url.Value.Raw, "specs.apollo.dev/federation/") {
				return true
			}
		}
	}
	return slices.ContainsFunc(slices.Concat(document.Definitions, document.Extensions), func(d *ast.Definition) bool {
		return d.Directives.ForName("key") != nil
	})
}
