package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

const referenceAdvice = "Check the resolver of its entities: __resolveReference in JavaScript, resolve_reference in Python, the entity resolvers of gqlgen."

// entities checks all entities.
func (p *prober) entities(ctx context.Context) {
	if p.schema == nil {
		p.skip(checkEntities, "", "there is no SDL", "")
		return
	}
	if len(p.schema.entities) == 0 {
		p.skip(checkEntities, "", "the SDL has no type with a @key that this subgraph resolves", "")
		return
	}
	list, _, err := p.ask(ctx, []any{}, "__typename")
	if err != nil {
		p.fail(checkEntities, "", err.Error(), "Make the subgraph with the Federation library of its server, which defines _entities for types with @key.")
		return
	}
	if len(list) != 0 {
		p.fail(checkEntities, "", fmt.Sprintf("no representations got %d entities", len(list)), referenceAdvice)
		return
	}
	p.pass(checkEntities, "", "")
	p.unknownTypename(ctx)
	failed := false
	for _, e := range p.schema.entities {
		samples := p.samples(ctx, e)
		for _, k := range e.keys {
			c := &keyCheck{prober: p, entity: e, key: k, subject: fmt.Sprintf("%s @key(fields: %q)", e.name, k.fields)}
			c.represent(samples)
			c.run(ctx)
			failed = failed || c.failures
		}
		p.requires(ctx, e, samples)
	}
	if !failed {
		p.skip(checkErrorPath, "", "no entity failed", "")
	}
}

// ask asks for entities and returns them.
func (p *prober) ask(ctx context.Context, representations []any, selection string) ([]any, *response, error) {
	r, err := p.send(ctx, "query($representations: [_Any!]!) { _entities(representations: $representations) { "+selection+" } }",
		map[string]any{"representations": representations})
	if err != nil {
		return nil, r, err
	}
	list, ok := r.data["_entities"].([]any)
	switch {
	case ok:
		return list, r, nil
	case len(r.errors) > 0:
		return nil, r, errors.New(r.firstError())
	}
	return nil, r, errors.New("data has no list _entities")
}

func (p *prober) unknownTypename(ctx context.Context) {
	_, r, err := p.ask(ctx, []any{map[string]any{"__typename": "SoukProbeUnknownType", "id": "1"}}, "__typename")
	const advice = "Respond with an error about this representation."
	switch {
	case r == nil:
		p.fail(checkTypename, "", err.Error(), advice)
	case r.status/100 == 5:
		p.fail(checkTypename, "", fmt.Sprintf("a representation of an unknown type got status %d, as if the subgraph failed", r.status), advice)
	case len(r.errors) == 0:
		p.fail(checkTypename, "", "a representation of an unknown type got no error", advice)
	default:
		p.pass(checkTypename, "", "")
	}
}

// A keyCheck checks one key of an entity.
type keyCheck struct {
	*prober
	entity          *entity
	key             key
	subject         string
	representations []map[string]any // of entities that exist, with different keys
	failures        bool             // an entity failed with an error
}

// represent makes representations of samples.
func (c *keyCheck) represent(samples []map[string]any) {
	for _, sample := range samples {
		fields := project(sample, c.key.selection)
		if len(fields) == 0 {
			continue
		}
		fields["__typename"] = c.entity.name
		if !slices.ContainsFunc(c.representations, func(r map[string]any) bool { return c.sameKey(r, fields) }) {
			c.representations = append(c.representations, fields)
		}
	}
}

func (c *keyCheck) run(ctx context.Context) {
	if len(c.representations) == 0 {
		c.skip(checkEntity, c.subject, "no entity is known: no root field without arguments returns one",
			fmt.Sprintf("Name one that exists, such as --representation '%s%s'.", c.entity.name, c.example()))
		return
	}
	first, ok := c.one(ctx)
	if !ok {
		return
	}
	c.selectFields(ctx)
	c.order(ctx)
	c.duplicates(ctx, first)
	c.batch(ctx)
	c.unknown(ctx, first)
}

// example returns made fields of the key, in JSON.
func (c *keyCheck) example() string {
	fields, _ := c.schema.make(c.entity.name, c.key.selection, 1)
	text, _ := json.Marshal(fields) // made values encode
	return string(text)
}

func (c *keyCheck) selection(fields string) string {
	return fmt.Sprintf("__typename ... on %s { %s }", c.entity.name, fields)
}

// list returns representations for a request.
func list(representations ...map[string]any) []any {
	all := make([]any, len(representations))
	for i, r := range representations {
		all[i] = r
	}
	return all
}

// one asks for one entity.
func (c *keyCheck) one(ctx context.Context) (map[string]any, bool) {
	got, r, err := c.ask(ctx, list(c.representations[0]), c.selection(c.key.fields))
	switch {
	case err != nil:
		c.fail(checkEntity, c.subject, err.Error(), referenceAdvice)
		return nil, false
	case len(r.errors) > 0:
		c.fail(checkEntity, c.subject, r.firstError(), referenceAdvice)
		return nil, false
	case len(got) != 1:
		c.fail(checkEntity, c.subject, fmt.Sprintf("one representation got %d entities", len(got)), referenceAdvice)
		return nil, false
	}
	found, ok := got[0].(map[string]any)
	if !ok {
		text, _ := json.Marshal(c.representations[0]) // it was decoded
		c.fail(checkEntity, c.subject, fmt.Sprintf("an entity that exists got null: %s", short(string(text))), referenceAdvice)
		return nil, false
	}
	c.pass(checkEntity, c.subject, "")
	name, _ := found["__typename"].(string)
	switch {
	case c.schema.is(name, c.entity.name):
		c.pass(checkEntityType, c.subject, "")
	default:
		c.fail(checkEntityType, c.subject, fmt.Sprintf("__typename is %q; it must be %s", name, c.entity.name), "Resolve the type of an entity by the __typename of its representation.")
		return nil, false
	}
	if !c.sameKey(c.representations[0], found) {
		c.fail(checkEntityKey, c.subject, fmt.Sprintf("the representation has %s, but the entity has %s", c.keyText(c.representations[0]), c.keyText(found)), referenceAdvice)
		return nil, false
	}
	c.pass(checkEntityKey, c.subject, "")
	return found, true
}

// sameKey reports whether two objects have the same key. An ID may be a number or a string.
func (c *keyCheck) sameKey(a, b map[string]any) bool {
	return c.keyText(a) == c.keyText(b)
}

func (c *keyCheck) keyText(object map[string]any) string {
	text, _ := json.Marshal(textual(project(object, c.key.selection))) // it was decoded
	return short(string(text))
}

// textual replaces numbers by strings, since an ID may be either.
func textual(value any) any {
	switch v := value.(type) {
	case json.Number:
		return v.String()
	case map[string]any:
		fields := map[string]any{}
		for name, inner := range v {
			fields[name] = textual(inner)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = textual(item)
		}
		return items
	}
	return value
}

// selectFields selects the fields that need nothing else.
func (c *keyCheck) selectFields(ctx context.Context) {
	s := c.schema
	fields := s.leaves(c.entity.name, func(f *ast.FieldDefinition) bool {
		return f.Directives.ForName(s.names["requires"]) == nil && f.Directives.ForName(s.names["external"]) == nil
	})
	if len(fields) == 0 {
		return
	}
	got, r, err := c.ask(ctx, list(c.representations[0]), c.selection(strings.Join(fields, " ")))
	switch {
	case err != nil:
		c.fail(checkFields, c.subject, err.Error(), "")
	case len(r.errors) > 0 && c.denied(r):
		c.skip(checkFields, c.subject, r.firstError(), "Give a token that may read the fields with --header \"Authorization: Bearer TOKEN\".")
	case len(r.errors) > 0 || len(got) != 1 || got[0] == nil:
		c.fail(checkFields, c.subject, r.firstError(), "Resolve fields of an entity from its key alone, as they are without _entities.")
	default:
		c.pass(checkFields, c.subject, strings.Join(fields, ", "))
	}
}

// denied reports whether the first error is about rights.
func (c *keyCheck) denied(r *response) bool {
	text := strings.ToLower(r.firstError())
	for _, word := range []string{"unauth", "forbidden", "not allowed", "permission", "access token"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// order asks for several entities, and for them in the other order.
func (c *keyCheck) order(ctx context.Context) {
	if len(c.representations) < 2 {
		c.skip(checkOrder, c.subject, "only one entity is known", "Name another one that exists with --representation.")
		return
	}
	reversed := slices.Clone(c.representations)
	slices.Reverse(reversed)
	for _, order := range [][]map[string]any{c.representations, reversed} {
		if problem := c.compare(ctx, order); problem != "" {
			c.fail(checkOrder, c.subject, problem, "Return the entities in the order of their representations. A database returns rows in any order: look them up by key.")
			return
		}
	}
	c.pass(checkOrder, c.subject, fmt.Sprintf("%d entities", len(reversed)))
}

// compare asks for entities and says how they differ from their representations.
func (c *keyCheck) compare(ctx context.Context, representations []map[string]any) string {
	got, r, err := c.ask(ctx, list(representations...), c.selection(c.key.fields))
	switch {
	case err != nil:
		return err.Error()
	case len(got) != len(representations):
		return fmt.Sprintf("%d representations got %d entities", len(representations), len(got))
	case len(r.errors) > 0:
		return r.firstError()
	}
	for i, each := range got {
		found, ok := each.(map[string]any)
		if !ok {
			return fmt.Sprintf("representation %d, %s, got null", i+1, c.keyText(representations[i]))
		}
		if !c.sameKey(representations[i], found) {
			return fmt.Sprintf("representation %d, %s, got the entity %s", i+1, c.keyText(representations[i]), c.keyText(found))
		}
	}
	return ""
}

func (c *keyCheck) duplicates(ctx context.Context, first map[string]any) {
	got, r, err := c.ask(ctx, list(c.representations[0], c.representations[0]), c.selection(c.key.fields))
	const advice = "Return one entity for each representation, also for equal ones."
	switch {
	case err != nil:
		c.fail(checkDuplicates, c.subject, err.Error(), advice)
	case len(got) != 2:
		c.fail(checkDuplicates, c.subject, fmt.Sprintf("2 equal representations got %d entities", len(got)), advice)
	case len(r.errors) > 0:
		c.fail(checkDuplicates, c.subject, r.firstError(), advice)
	case !reflect.DeepEqual(got[0], any(first)) || !reflect.DeepEqual(got[1], any(first)):
		c.fail(checkDuplicates, c.subject, "equal representations got different entities", advice)
	default:
		c.pass(checkDuplicates, c.subject, "")
	}
}

// batch asks for many entities at once.
func (c *keyCheck) batch(ctx context.Context) {
	all := make([]map[string]any, c.Batch)
	for i := range all {
		all[i] = c.representations[i%len(c.representations)]
	}
	if problem := c.compare(ctx, all); problem != "" {
		c.fail(checkBatch, c.subject, problem, "Return one entity for each representation, in order, however many there are.")
		return
	}
	c.pass(checkBatch, c.subject, fmt.Sprintf("%d representations", len(all)))
}

// unknown asks for an entity that does not exist, between two that do.
func (c *keyCheck) unknown(ctx context.Context, first map[string]any) {
	missing, _ := unknown(c.representations[0]).(map[string]any)
	if c.sameKey(missing, c.representations[0]) {
		c.skip(checkUnknown, c.subject, "no other value of the key is known", "")
		return
	}
	got, r, err := c.ask(ctx, list(c.representations[0], missing, c.representations[0]), c.selection(c.key.fields))
	const advice = "Return null for an entity that does not exist. If its resolver fails, the error belongs to that entity only: the list must be [_Entity]!, not [_Entity!]!."
	switch {
	case err != nil:
		c.fail(checkUnknown, c.subject, "an unknown key failed all entities: "+err.Error(), advice)
	case len(got) != 3:
		c.fail(checkUnknown, c.subject, fmt.Sprintf("3 representations, one of them with an unknown key, got %d entities", len(got)), advice)
	case !reflect.DeepEqual(got[0], any(first)) || !reflect.DeepEqual(got[2], any(first)):
		c.fail(checkUnknown, c.subject, "other entities are missing or change when one key is unknown", advice)
	case got[1] == nil:
		c.pass(checkUnknown, c.subject, "null")
	default:
		c.pass(checkUnknown, c.subject, "any key gets an entity, which is right for a type whose data is elsewhere")
	}
	if err == nil && len(r.errors) > 0 {
		c.failures = true
		c.errorPath(r)
	}
}

// errorPath checks the errors about the second of three entities.
func (c *keyCheck) errorPath(r *response) {
	for _, e := range r.errors {
		if len(e.Path) < 2 || e.Path[0] != "_entities" || fmt.Sprint(e.Path[1]) != "1" {
			c.fail(checkErrorPath, c.subject, fmt.Sprintf("the error %q of the second entity has the path %v", short(e.Message), e.Path),
				"Give errors of an entity the path [\"_entities\", index]: without it, routers cannot tell which field of the client's operation failed.")
			return
		}
	}
	c.pass(checkErrorPath, c.subject, "")
}
