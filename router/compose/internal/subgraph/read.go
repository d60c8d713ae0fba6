package subgraph

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/internal/syntax"
)

// A Subgraph is a subgraph that has been read.
type Subgraph struct {
	Name   string
	URL    string
	Schema *schema.Schema
	Links  *Links // nil in Federation 1 without @link

	version      Version           // of Federation; zero in Federation 1
	names        map[string]string // of the directives of that version, in the schema
	document     *ast.SchemaDocument
	applications map[string][]Application
	external     *externals
	shareable    map[*schema.Field]bool
	used         map[*schema.Field]bool
	fieldSets    map[string]parsed
}

// Federation1 reports whether the subgraph does not link Federation 2.
func (s *Subgraph) Federation1() bool { return s.version == Version{} }

// maxTokens bounds the SDL of a subgraph, in tokens. The largest subgraphs that are
// known have some 500,000.
const maxTokens = 20_000_000

// Read reads a subgraph and validates it. A Federation 1 subgraph is validated when
// it is upgraded.
func Read(name, url, sdl string) (*Subgraph, []*report.Error) {
	document, err := syntax.Schema(&ast.Source{Name: name, Input: sdl}, maxTokens)
	if err != nil {
		return nil, []*report.Error{syntaxError(name, err)}
	}
	if len(document.Definitions)+len(document.Extensions)+len(document.Schema)+len(document.SchemaExtension)+len(document.Directives) == 0 {
		return nil, []*report.Error{{Code: "INVALID_GRAPHQL", Message: "The SDL is empty.", Locations: []report.Location{{Subgraph: name}}}}
	}
	s, problems := build(name, url, document, nil)
	if len(problems) > 0 {
		return nil, problems
	}
	if !s.Federation1() {
		s.document = nil // only an upgrade needs it
	}
	return s, s.validate()
}

func syntaxError(name string, err error) *report.Error {
	e := &report.Error{Code: "INVALID_GRAPHQL", Message: err.Error(), Locations: []report.Location{{Subgraph: name}}}
	var syntax *gqlerror.Error
	if errors.As(err, &syntax) {
		e.Message = "Syntax error: " + syntax.Message
		if len(syntax.Locations) > 0 {
			e.Locations[0].Line, e.Locations[0].Column = syntax.Locations[0].Line, syntax.Locations[0].Column
		}
	}
	return e
}

// build builds the schema of a document. upgrade changes it before directives are
// applied.
func build(name, url string, document *ast.SchemaDocument, upgrade func(*builder)) (*Subgraph, []*report.Error) {
	b := &builder{name: name, document: document, schema: schema.New()}
	for _, d := range document.DirectiveExtensions {
		b.invalid(position(d.Position), "A directive cannot be extended.")
	}
	complete := (*builder).complete
	if upgrade != nil {
		complete = upgrade
	}
	b.build(complete)
	if len(b.errors) > 0 {
		return nil, b.errors
	}
	s := &Subgraph{Name: name, URL: url, Schema: b.schema, Links: b.links, document: document}
	s.nameDirectives()
	return s, nil
}

// linkApplications returns the applications of @link to the schema.
func (b *builder) linkApplications() []*ast.Directive {
	var all []*ast.Directive
	for _, list := range []ast.SchemaDefinitionList{b.document.Schema, b.document.SchemaExtension} {
		for _, d := range list {
			all = append(all, d.Directives.ForNames("link")...)
		}
	}
	return all
}

// complete reads the links of the schema and adds the elements of the linked
// specifications.
func (b *builder) complete() {
	b.completeLinks()
	if len(b.errors) > 0 {
		return
	}
	if b.links.Find(federationIdentity) != nil {
		b.completeFederation2()
	} else {
		b.completeFederation1()
	}
	b.expand()
}

// completeLinks reads the links of the schema, if it has any.
func (b *builder) completeLinks() {
	applications := b.linkApplications()
	linked := b.schema.OwnDirective("link") == nil || isLinkDefinition(b.schema.OwnDirective("link"))
	itself, federation := false, false
	for _, d := range applications {
		url := text(d, "url")
		itself = itself || aliasOf(d) == "link" && strings.HasPrefix(url, linkIdentity+"/") && (url == linkIdentity+"/v1.0" || len(applications) == 1)
		federation = federation || strings.HasPrefix(url, federationIdentity)
	}
	if len(applications) > 0 {
		b.define(linkTypes, []*DirectiveSpec{linkDirective}, linkNames(applications))
	}
	if len(b.errors) == 0 && linked && (itself || federation) {
		b.readLinks(applications, itself)
	}
}

func isLinkDefinition(d *schema.Definition) bool {
	url := d.Argument("url")
	return d.Repeatable && len(d.Locations) == 1 && d.Locations[0] == "SCHEMA" && url != nil && url.Type.Base() == "String"
}

func aliasOf(d *ast.Directive) string {
	if as := text(d, "as"); as != "" {
		return as
	}
	return "link"
}

func text(d *ast.Directive, argument string) string {
	if a := d.Arguments.ForName(argument); a != nil && a.Value != nil {
		return a.Value.Raw
	}
	return ""
}

// linkNames names the types of the link specification, which may be imported.
func linkNames(applications []*ast.Directive) namer {
	f := &Feature{URL: specURL("link", 1, 0), Alias: "link"}
	for _, d := range applications {
		if strings.HasPrefix(text(d, "url"), linkIdentity+"/") {
			f.Imports, _ = readImports(directive(d, nil).Argument("import"), nil)
		}
	}
	return f
}

// readLinks reads the applications of @link. The link specification itself is
// linked implicitly.
func (b *builder) readLinks(applications []*ast.Directive, itself bool) {
	b.links = newLinks()
	if !itself {
		if err := b.links.add(&Feature{URL: specURL("link", 1, 0), Alias: "link"}); err != nil {
			b.errorAt("INVALID_LINK_DIRECTIVE_USAGE", schema.Position{}, "%s.", err)
		}
	}
	for _, d := range applications {
		b.readLink(directive(d, nil))
	}
}

func (b *builder) readLink(d *schema.Directive) {
	url, err := parseURL(d.Text("url"))
	if err != nil {
		b.errorAt("INVALID_LINK_IDENTIFIER", d.Position, "Invalid @link: %s.", err)
		return
	}
	spec := KnownSpec(url)
	switch {
	case url.Identity == federationIdentity && spec == nil:
		b.errorAt("UNKNOWN_FEDERATION_LINK_VERSION", d.Position,
			"Federation %s is unknown; link a version from v2.0 to v2.%d.", url.Version, latestFederation)
		return
	case url.Identity == linkIdentity && spec == nil && b.links.Find(linkIdentity) == nil:
		b.errorAt("UNKNOWN_LINK_VERSION", d.Position, "Version %s of @link is unknown; use v1.0.", url.Version)
		return
	}
	var known []string
	if spec != nil {
		known = spec.elements()
	}
	imports, problems := readImports(d.Argument("import"), known)
	for _, problem := range problems {
		b.errorAt("INVALID_LINK_DIRECTIVE_USAGE", d.Position, "Invalid @link to %s: %s", url, problem)
	}
	f := &Feature{URL: url, Alias: url.Name, Imports: imports, Applied: d}
	if as := d.Text("as"); as != "" {
		f.Alias = as
	}
	if len(problems) > 0 {
		return
	}
	if err := b.links.add(f); err != nil {
		b.errorAt("INVALID_LINK_DIRECTIVE_USAGE", d.Position, "Invalid @link: %s.", err)
	}
}

func (b *builder) completeFederation2() {
	f := b.links.Find(federationIdentity)
	spec := KnownSpec(f.URL)
	b.define(spec.types, spec.directives, f)
}

// completeFederation1 adds the elements of Federation 1.
func (b *builder) completeFederation1() {
	b.removeWrongDefinitions()
	b.define([]*typeSpec{{name: "FieldSet"}}, federation1Directives(tagSpec(2)), federation1{})
}

// removeWrongDefinitions removes definitions that Federation 1 tolerated although
// they are wrong.
func (b *builder) removeWrongDefinitions() {
	for _, name := range []string{"key", "provides", "requires"} {
		d := b.schema.OwnDirective(name)
		if d == nil {
			continue
		}
		wrong := len(d.Arguments) == 0
		if fields := d.Argument("fields"); fields != nil && len(d.Arguments) == 1 {
			switch fields.Type.String() {
			case "String", "_FieldSet", "FieldSet":
				wrong = true
			}
		}
		if wrong {
			b.schema.RemoveDirective(name)
		}
	}
}

// expand adds the elements of other specifications that are linked and known.
func (b *builder) expand() {
	if b.links == nil {
		return
	}
	for _, f := range b.links.Features {
		switch f.URL.Identity {
		case linkIdentity, federationIdentity, JoinIdentity:
			continue
		}
		if spec := KnownSpec(f.URL); spec != nil {
			b.define(spec.types, spec.directives, f)
		}
	}
}

// unknownDirective returns why a directive is not defined, if that is known, and what to
// do about it.
func (b *builder) unknownDirective(name string) (reason, suggestion string) {
	suggestion = "Correct the name, define the directive, or import it with @link."
	var names []string
	for _, d := range b.schema.Directives {
		names = append(names, d.Name)
	}
	if name == "oneOf" {
		return " Composition knows it only if the subgraph defines it.", "Add to the SDL: directive @oneOf on INPUT_OBJECT"
	}
	if similar := report.DidYouMean(name, names); similar != "" {
		return similar, suggestion
	}
	if KnownSpec(specURL("federation", 2, latestFederation)).Directive(name) == nil {
		return "", suggestion
	}
	f := b.links.Find(federationIdentity)
	switch {
	case f == nil:
		return fmt.Sprintf(" It is a directive of Federation 2; link https://specs.apollo.dev/federation/v2.%d to use it.", latestFederation),
			fmt.Sprintf("Add to the SDL: extend schema @link(url: \"https://specs.apollo.dev/federation/v2.%d\", import: [%q])", latestFederation, "@"+name)
	case strings.HasPrefix(f.DirectiveName(name), f.Alias+"__"):
		return fmt.Sprintf(" Add %q to the import of the @link to Federation, or write @%s.", "@"+name, f.DirectiveName(name)),
			"Import the directive, or write it with the prefix."
	}
	return fmt.Sprintf(" It is imported as @%s.", f.DirectiveName(name)), "Use the name of the import."
}
