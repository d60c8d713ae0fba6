package operation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"souk/router/internal/syntax"
)

// A Schema is an API schema, the schema that clients see. It is safe for
// concurrent use.
type Schema struct {
	// Limits apply to documents. Set them before the first call of Parse.
	Limits Limits

	schema *ast.Schema
	rules  *rules.Rules
	// ordered are the rules in the order of their names, in which they report.
	ordered []core.Rule
	// quiet is set if errors must not suggest names from the schema.
	quiet bool
	// possible maps an interface or a union to the names of its possible object types. That of an object
	// type is the type itself.
	possible map[string]map[string]bool
	// texts are the texts of types in the SDL, and frame is that of its other parts. Both are empty if the
	// SDL could not be parsed in parts.
	texts map[string]string
	frame string
}

// NewSchema parses the SDL of an API schema. Its limits are DefaultLimits.
func NewSchema(apiSDL string) (*Schema, error) { return NewSchemaAfter(apiSDL, nil, func() {}) }

// NewSchemaAfter is like NewSchema, and shares the definitions of types whose text has not changed
// with a former schema, which may be nil. It calls pause after each piece of work.
func NewSchemaAfter(apiSDL string, former *Schema, pause func()) (*Schema, error) {
	s, divided, err := load(apiSDL, former, pause)
	if err != nil {
		return nil, fmt.Errorf("parsing the API schema: %w", err)
	}
	if s.Query == nil {
		return nil, errors.New("parsing the API schema: it has no query type")
	}
	correctBuiltIns(s)
	schema := &Schema{Limits: DefaultLimits(), schema: s, possible: map[string]map[string]bool{}}
	if divided != nil {
		schema.texts, schema.frame = divided.texts, divided.frame
	}
	schema.use(specRules(rules.NewDefaultRules()))
	for name, def := range s.Types {
		pause()
		if !def.IsAbstractType() {
			continue
		}
		list := s.GetPossibleTypes(def)
		objects := make(map[string]bool, len(list))
		for _, p := range list {
			pause()
			if p.Kind == ast.Object {
				objects[p.Name] = true
			}
		}
		schema.possible[name] = objects
	}
	return schema, nil
}

// With returns the schema with other limits.
func (s *Schema) With(l Limits) *Schema {
	other := *s
	other.Limits = l
	return &other
}

// HideSuggestions turns off "Did you mean" suggestions in errors. They would
// reveal names of the schema to callers who may not introspect it. Call it
// before the first call of Parse.
func (s *Schema) HideSuggestions() {
	r := rules.NewDefaultRules()
	for _, pair := range []struct{ with, without core.Rule }{
		{rules.FieldsOnCorrectTypeRule, rules.FieldsOnCorrectTypeRuleWithoutSuggestions},
		{rules.KnownArgumentNamesRule, rules.KnownArgumentNamesRuleWithoutSuggestions},
		{rules.ScalarLeafsRule, rules.ScalarLeafsRuleWithoutSuggestions},
		{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
	} {
		r.RemoveRule(pair.with.Name)
		r.AddRule(pair.without.Name, pair.without.RuleFunc)
	}
	s.use(specRules(r))
	s.quiet = true
}

// Definitions returns the schema's types and directives. Callers must not modify
// them.
func (s *Schema) Definitions() *ast.Schema { return s.schema }

// Parse parses a document, validates it (GraphQL, section 5), checks Limits and
// selects the named operation. The name may be empty if the document has only
// one operation. The error is an [Errors].
func (s *Schema) Parse(text, operationName string) (*Document, error) {
	return s.ParseStages(text, operationName, func(Stage) {})
}

// A Stage is a stage of Parse.
type Stage string

// The stages of Parse, in order. StageNormalise prepares what all operations of a
// document have in common; [Document.Operation] completes it.
const (
	StageParse     Stage = "parse"
	StageValidate  Stage = "validate"
	StageNormalise Stage = "normalise"
)

// ParseStages is like Parse and calls begin at the start of each stage.
func (s *Schema) ParseStages(text, operationName string, begin func(Stage)) (*Document, error) {
	begin(StageParse)
	doc, nodes, long, err := s.tokens(text)
	if err != nil {
		return nil, err
	}
	begin(StageValidate)
	d, err := s.check(doc, operationName)
	if err != nil {
		nodes.Release()
		return nil, err
	}
	begin(StageNormalise)
	d.prepare(text)
	d.nodes, d.exceeded = nodes, slices.Concat(long, d.exceeded)
	return d, nil
}

// check validates a document, checks its size and selects an operation.
func (s *Schema) check(doc *ast.QueryDocument, operationName string) (*Document, error) {
	if errs := checkOperations(doc); errs != nil {
		return nil, errs
	}
	d := &Document{schema: s, shared: len(doc.Operations) > 1}
	var unknown error
	if d.source, unknown = choose(doc, operationName); unknown == nil {
		d.usage = s.Limits.measure(doc, d.source)
		var errs Errors
		if errs, d.exceeded = s.Limits.check(d.usage, d.source); errs != nil {
			return nil, errs
		}
	}
	if !s.isPlain(doc) {
		if errs := s.validate(doc); len(errs) > 0 {
			return nil, s.suggestTypes(fromValidator(errs, CodeValidationFailed))
		}
		if errs := checkMerging(doc); errs != nil {
			return nil, errs
		}
	}
	if unknown != nil { // reported last: an invalid document takes precedence
		return nil, unknown
	}
	return d, nil
}

// tokens parses a document. The nodes are those of its tree, and nil if the parser library made it. logged has the limits on
// its recursion and its tokens that the document exceeds and that are only logged.
func (s *Schema) tokens(text string) (doc *ast.QueryDocument, nodes *syntax.Nodes, logged Errors, err error) {
	if deep := checkRecursion(text, s.Limits.Recursion); deep != nil {
		if !s.Limits.logs(CodeMaxRecursion) {
			return nil, nil, nil, Errors{deep}
		}
		logged = Errors{deep}
	}
	if doc, nodes = syntax.Plain(text, s.Limits.Tokens); doc != nil {
		return doc, nodes, logged, nil
	}
	source := &ast.Source{Input: text}
	doc, err = syntax.Query(source, s.Limits.Tokens)
	if err != nil && exceedsTokens(err) {
		over := Errors{{Message: fmt.Sprintf("The document has more than %d tokens.", s.Limits.Tokens), Code: CodeMaxTokens}}
		if !s.Limits.logs(CodeMaxTokens) {
			return nil, nil, nil, over
		}
		if doc, err = syntax.Query(source, s.Limits.MostTokens()); err != nil && exceedsTokens(err) {
			over[0].Message = fmt.Sprintf("The document has more than %d tokens, %d times the limit that is only logged.", s.Limits.MostTokens(), loggedTokens)
			return nil, nil, nil, over
		}
		logged = append(logged, over...)
	}
	if err != nil {
		if deep := checkRecursion(text, MaxRecursion); deep != nil {
			return nil, nil, nil, Errors{deep}
		}
		return nil, nil, nil, syntaxError(text, err)
	}
	if errs := checkSurrogates(text); errs != nil { // no plain document has any
		return nil, nil, nil, errs
	}
	return doc, nil, logged, nil
}

func exceedsTokens(err error) bool { return strings.Contains(err.Error(), "exceeded token limit") }

// Identify returns the name and the kind of the operation that a document executes, even if it
// is not valid. For a document that cannot be parsed or has no such operation, it returns
// operationName and Query.
func (s *Schema) Identify(text, operationName string) (string, Kind) {
	doc, err := syntax.Query(&ast.Source{Input: text}, s.Limits.MostTokens())
	if err != nil {
		return operationName, Query
	}
	op, err := choose(doc, operationName)
	if err != nil {
		return operationName, Query
	}
	return op.Name, kindOf(op)
}

// suggestTypes adds suggestions to errors about unknown types. The validator
// adds them to its other errors.
func (s *Schema) suggestTypes(errs Errors) Errors {
	if s.quiet {
		return errs
	}
	for _, e := range errs {
		if rest, ok := strings.CutPrefix(e.Message, `Unknown type "`); ok {
			e.Message += suggest(strings.TrimSuffix(rest, `".`), slices.Sorted(maps.Keys(s.schema.Types)))
		}
	}
	return errs
}

// choose returns the operation to execute (GraphQL, section 6.1, GetOperation).
func choose(doc *ast.QueryDocument, name string) (*ast.OperationDefinition, error) {
	if name == "" && len(doc.Operations) == 1 {
		return doc.Operations[0], nil
	}
	names := make([]string, 0, len(doc.Operations))
	for _, op := range doc.Operations {
		if name != "" && op.Name == name {
			return op, nil
		}
		names = append(names, op.Name)
	}
	slices.Sort(names)
	message := "The document has several operations: operationName must be one of " + strings.Join(names, ", ") + "."
	switch {
	case len(doc.Operations) == 0:
		message = "The document has no operation."
	case name != "":
		message = fmt.Sprintf("The document has no operation named %q.", name)
		if strings.Join(names, "") != "" {
			message += " It has " + strings.Join(names, ", ") + "."
		}
	}
	return nil, Errors{{Message: message, Code: CodeOperationUnknown}}
}

// root returns the root operation type for a kind of operation.
func (s *Schema) root(k Kind) *ast.Definition {
	switch k {
	case Mutation:
		return s.schema.Mutation
	case Subscription:
		return s.schema.Subscription
	}
	return s.schema.Query
}

// applies reports whether a fragment with this type condition applies to every
// object of the parent type and its fields are also valid on the parent type,
// so that the fragment can be inlined.
func (s *Schema) applies(parent *ast.Definition, condition string) bool {
	if condition == "" || condition == parent.Name {
		return true
	}
	switch parent.Kind {
	case ast.Object:
		return s.possible[condition][parent.Name]
	case ast.Interface:
		return slices.Contains(parent.Interfaces, condition)
	}
	return false
}

// overlaps reports whether an object can be of both types.
func (s *Schema) overlaps(a, b string) bool {
	some, others := s.possible[a], s.possible[b]
	switch {
	case some == nil && others == nil:
		return a == b && s.isObject(a)
	case some == nil:
		return others[a] && s.isObject(a)
	case others == nil:
		return some[b] && s.isObject(b)
	}
	for name := range some {
		if others[name] {
			return true
		}
	}
	return false
}

func (s *Schema) isObject(name string) bool {
	def := s.schema.Types[name]
	return def != nil && def.Kind == ast.Object
}
