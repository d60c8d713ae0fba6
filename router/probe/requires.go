package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// requiredSamples is how many representations a field with @requires is computed from.
const requiredSamples = 3

// requires checks the fields of an entity that are computed from fields of other subgraphs.
func (p *prober) requires(ctx context.Context, e *entity, samples []map[string]any) {
	for _, required := range e.requires {
		subject := e.name + "." + required.field.Name
		if !withoutArguments(required.field) {
			p.skip(checkRequires, subject, "it has a required argument", "")
			continue
		}
		representations, known := p.requiring(e, required, samples)
		selection := required.field.Name + p.below(required.field.Type.Name())
		got, r, err := p.ask(ctx, list(representations...), fmt.Sprintf("__typename ... on %s { %s }", e.name, selection))
		p.judge(subject, required, known, got, r, err)
	}
}

// requiring returns representations with a key and with required fields: those of a sample,
// or made ones. known is false if a value had to be guessed.
func (p *prober) requiring(e *entity, required required, samples []map[string]any) (representations []map[string]any, known bool) {
	k := e.keys[0]
	identity, known := p.schema.make(e.name, k.selection, 1)
	for _, sample := range samples {
		if fields := project(sample, k.selection); fields != nil {
			identity, known = fields, true
			break
		}
	}
	for _, sample := range samples {
		key, fields := project(sample, k.selection), project(sample, required.selection)
		if key != nil && fields != nil {
			maps.Copy(fields, key)
			fields["__typename"] = e.name
			representations = append(representations, fields)
		}
	}
	if len(representations) > 0 {
		return representations, true
	}
	for n := range requiredSamples {
		fields, ok := p.schema.make(e.name, required.selection, n+1)
		known = known && ok
		maps.Copy(fields, identity)
		fields["__typename"] = e.name
		representations = append(representations, fields)
	}
	return representations, known
}

// below returns the selection below a field of a type.
func (p *prober) below(typename string) string {
	if !p.schema.composite(typename) {
		return ""
	}
	fields := p.schema.leaves(typename, func(*ast.FieldDefinition) bool { return true })
	return " { __typename " + strings.Join(fields, " ") + " }"
}

func (p *prober) judge(subject string, required required, known bool, got []any, r *response, err error) {
	advice := fmt.Sprintf("Compute the field from %q of the representation, which routers send along with the key.", required.fields)
	if err == nil && len(r.errors) > 0 {
		err = errors.New(r.firstError())
	}
	if err != nil {
		if !known {
			p.skip(checkRequires, subject, "no value of the required fields is known, and a made one got an error: "+err.Error(),
				"Name an entity with them, such as --representation 'TYPE{\"id\":\"1\", ...}'.")
			return
		}
		p.fail(checkRequires, subject, err.Error(), advice)
		return
	}
	var values []any
	for _, each := range got {
		if found, ok := each.(map[string]any); ok {
			values = append(values, found[required.field.Name])
		}
	}
	switch {
	case len(values) < len(got) || len(values) == 0:
		p.skip(checkRequires, subject, "the entity is null", "Name one that exists with --representation.")
	case len(values) > 1 && same(values):
		p.warn(checkRequires, subject, fmt.Sprintf("it is the same for %d representations with different values of %q", len(values), required.fields), advice)
	default:
		p.pass(checkRequires, subject, "")
	}
}

func same(values []any) bool {
	for _, v := range values {
		if !reflect.DeepEqual(v, values[0]) {
			return false
		}
	}
	return true
}
