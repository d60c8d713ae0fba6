package subgraph

import (
	"errors"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose/internal/schema"
)

// A fieldSetRule says what the argument fields of a directive may select.
type fieldSetRule struct {
	directive string
	prefix    string // of error codes
	internal  bool   // fields that the subgraph resolves may be selected
	arguments bool   // fields with arguments may be selected
	unknown   string // what to do about a field that is not defined
}

// A codedError is an error with a code of its own.
type codedError struct {
	code string
	at   schema.Position
	err  error
}

func (e codedError) Error() string { return e.err.Error() }

// check checks an application whose fields are selected from a type.
func (r fieldSetRule) check(c *checker, a Application, from *schema.Type, visit Visitor) {
	prefix := fmt.Sprintf("@%s on %q: ", a.Name, a.Node.Coordinate())
	fields := a.Directive.Argument("fields")
	if fields == nil || fields.Kind != schema.StringValue {
		c.errorf(r.prefix+"_INVALID_FIELDS_TYPE", at(a.Position), "%sthe argument \"fields\" must be a string.", prefix)
		return
	}
	set, err := c.Selection(fields.Raw)
	if err == nil {
		err = Walk(c.Schema, from, set, true, visit)
	}
	if err != nil {
		code, positions := r.prefix+"_INVALID_FIELDS", at(a.Position)
		var coded codedError
		if errors.As(err, &coded) {
			code, positions = coded.code, at(a.Position, coded.at)
		}
		if errors.As(err, new(unknownField)) {
			c.errorf(code, positions, "%s%s. %s.", prefix, err, r.unknown)
			return
		}
		c.errorf(code, positions, "%s%s.", prefix, err)
		if !errors.As(err, &coded) {
			c.suggest(`Correct the fields: they are a selection set without the outer braces, such as "id owner { id }".`)
		}
		return
	}
	r.selections(c, a, from, set, false)
}

// selections checks the fields of a valid selection set. below tells whether an
// external field contains them.
func (r fieldSetRule) selections(c *checker, a Application, from *schema.Type, set ast.SelectionSet, below bool) {
	report := func(code string, p schema.Position, format string, args ...any) {
		c.errorf(r.prefix+code, at(a.Position, p), "@%s on %q: "+format, append([]any{a.Name, a.Node.Coordinate()}, args...)...)
	}
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.InlineFragment:
			if len(selection.Directives) > 0 {
				report("_DIRECTIVE_IN_FIELDS_ARG", a.Position, "directives cannot be used in its fields.")
			}
			condition := from
			if selection.TypeCondition != "" {
				condition = c.Schema.Type(selection.TypeCondition)
			}
			r.selections(c, a, condition, selection.SelectionSet, below)
		case *ast.Field:
			if len(selection.Directives) > 0 {
				report("_DIRECTIVE_IN_FIELDS_ARG", a.Position, "directives cannot be used in its fields.")
			}
			f := FieldOf(from, selection.Name)
			external := f != Typename && c.IsExternal(f)
			if len(f.Arguments) > 0 && !r.arguments {
				report("_FIELDS_HAS_ARGS", f.Position, "field %q has arguments, so it cannot be selected.", f.Coordinate())
			}
			if len(selection.SelectionSet) == 0 {
				if !external && !r.internal && !below {
					r.missingExternal(c, report, from, f)
				}
				continue
			}
			r.selections(c, a, c.returned(f), selection.SelectionSet, below || external || c.externalImplementation(from, f))
		}
	}
}

func (r fieldSetRule) missingExternal(c *checker, report func(string, schema.Position, string, ...any), from *schema.Type, f *schema.Field) {
	coordinate := from.Name + "." + f.Name
	if f != Typename && c.externals().fake[f] {
		report("_FIELDS_MISSING_EXTERNAL", f.Position,
			"field %q is a key of an extension, so this subgraph resolves it although it is @external; remove it from the selection.", coordinate)
		return
	}
	report("_FIELDS_MISSING_EXTERNAL", f.Position,
		"field %q is resolved by this subgraph; mark it as @external or remove it from the selection.", coordinate)
}

// externalImplementation reports whether a field of an interface is external in an
// implementation.
func (c *checker) externalImplementation(t *schema.Type, f *schema.Field) bool {
	if t.Kind != schema.Interface {
		return false
	}
	for _, object := range c.Schema.Possible(t) {
		if field := object.Field(f.Name); field != nil && c.IsExternal(field) {
			return true
		}
	}
	return false
}

func (c *checker) keys() {
	rule := fieldSetRule{directive: "key", prefix: "KEY", internal: true,
		unknown: "Define the field; if this subgraph does not resolve it, with @external"}
	for _, a := range c.Applications("key") {
		if a.Type.Kind == schema.Interface && c.version.Compare(Version{2, 3}) < 0 {
			c.errorf("KEY_UNSUPPORTED_ON_INTERFACE", at(a.Position),
				"@%s cannot be applied to interface %q: link Federation v2.3 or later to use it on interfaces.", a.Name, a.Type.Name)
		}
		rule.check(c, a, a.Type, func(_ *schema.Type, f *schema.Field) error {
			t := c.Schema.Type(f.Type.Base())
			if t != nil && (t.Kind == schema.Union || t.Kind == schema.Interface) {
				return codedError{"KEY_FIELDS_SELECT_INVALID_TYPE", f.Position, fmt.Errorf("field %q has the %s %q, which cannot be part of a key", f.Coordinate(), t.Kind, t.Name)}
			}
			return nil
		})
	}
}

func nothing(*schema.Type, *schema.Field) error { return nil }

const unknownExternal = "If another subgraph defines the field, define it here too, with @external"

func (c *checker) requires() {
	rule := fieldSetRule{directive: "requires", prefix: "REQUIRES", arguments: true, unknown: unknownExternal}
	for _, a := range c.Applications("requires") {
		c.notOnInterface(a, "REQUIRES")
		rule.check(c, a, a.Type, nothing)
	}
}

func (c *checker) notOnInterface(a Application, prefix string) {
	if a.Type.Kind == schema.Interface {
		c.errorf(prefix+"_UNSUPPORTED_ON_INTERFACE", at(a.Position, a.Type.Position),
			"@%s cannot be applied to field %q of an interface; apply it to the fields of its implementations.", a.Name, a.Node.Coordinate())
	}
}

// provides reports false if a problem is so basic that it hides others.
func (c *checker) provides() bool {
	rule := fieldSetRule{directive: "provides", prefix: "PROVIDES", unknown: unknownExternal}
	for _, a := range c.Applications("provides") {
		if c.IsExternal(a.Field) {
			c.errors = nil
			c.errorf("EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE", at(a.Field.Position),
				"Field %q cannot be @external and have @%s: this subgraph does not resolve it.", a.Field.Coordinate(), a.Name)
			return false
		}
		t := c.returned(a.Field)
		if t == nil {
			c.errors = nil
			c.errorf("PROVIDES_ON_NON_OBJECT_FIELD", at(a.Field.Position),
				"@%s on field %q: its type %s has no fields to provide.", a.Name, a.Field.Coordinate(), a.Field.Type)
			return false
		}
		c.notOnInterface(a, "PROVIDES")
		rule.check(c, a, t, nothing)
	}
	return true
}
