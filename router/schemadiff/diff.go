package schemadiff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Level says what a change means for clients.
type Level int

// The levels, from harmless to harmful.
const (
	Safe      Level = iota // all operations stay valid and mean the same
	Dangerous              // operations stay valid, but clients may get what they do not expect
	Breaking               // operations may become invalid, or lose data
)

var levels = [...]string{"safe", "dangerous", "breaking"}

// String returns safe, dangerous or breaking.
func (l Level) String() string { return levels[l] }

// MarshalText encodes the level as its name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// ParseLevel parses safe, dangerous or breaking.
func ParseLevel(name string) (Level, error) {
	if i := slices.Index(levels[:], name); i >= 0 {
		return Level(i), nil
	}
	return 0, fmt.Errorf("%q is not a level of changes: use %s", name, strings.Join(levels[:], ", "))
}

// Kind says what has happened to an element.
type Kind int

// The kinds of changes.
const (
	Added Kind = iota
	Removed
	Changed
)

// MarshalText encodes the kind as added, removed or changed.
func (k Kind) MarshalText() ([]byte, error) {
	return []byte([...]string{"added", "removed", "changed"}[k]), nil
}

// A Change is a difference between two schemas.
type Change struct {
	Kind  Kind  `json:"kind"`
	Level Level `json:"level"`
	// Coordinate is the schema coordinate of the element, such as Query.product(id:).
	Coordinate string `json:"coordinate"`
	// About says more, such as "from String to Int". It may be empty.
	About string `json:"about,omitempty"`
	// Unused is set if the change would be Breaking, but no client uses the element.
	Unused bool `json:"unused,omitempty"`
	// Clients are those that a Breaking change concerns, as far as a Usage tells.
	Clients []string `json:"clients,omitempty"`

	// elements are types or coordinates of fields; a client that uses none of them is not
	// concerned. Without any, each client may be.
	elements []string
	// sent, unless empty, is the coordinate of the argument, input field or enum value that a client
	// must send, too, to be concerned.
	sent string
}

// String returns the change in the form "+ Product.price" for additions, "- " for removals
// and "~ " for other changes, with the level if it is not Safe.
func (c Change) String() string {
	text := [...]string{"+ ", "- ", "~ "}[c.Kind] + c.Coordinate
	if c.About != "" {
		text += " " + c.About
	}
	switch {
	case c.Unused:
		text += " (safe: not used)"
	case c.Level != Safe:
		text += " (" + c.Level.String()
		if len(c.Clients) > 0 {
			text += ": used by " + strings.Join(c.Clients, ", ")
		}
		text += ")"
	}
	return text
}

// Compare returns the differences between two schemas, sorted by coordinate. Of directives
// on elements only @deprecated and @oneOf are compared, and of definitions of directives
// what operations may use. Descriptions are not compared.
func Compare(old, next *ast.Schema) []Change {
	c := &comparison{old: old, next: next}
	for name, was := range old.Types {
		if own(was) {
			if now := next.Types[name]; now == nil {
				c.add(Removed, Breaking, name, "", c.selected(was)...)
			} else {
				c.definition(was, now)
			}
		}
	}
	for name, now := range next.Types {
		if own(now) && old.Types[name] == nil {
			c.add(Added, Safe, name, "")
		}
	}
	c.roots()
	c.directives()
	slices.SortFunc(c.changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Coordinate, b.Coordinate), strings.Compare(a.About, b.About))
	})
	return c.changes
}

// roots compares the root operation types. That of another name has another __typename, and
// its fields are not those of the old one.
func (c *comparison) roots() {
	for _, root := range []struct {
		operation string
		was, now  *ast.Definition
	}{
		{"query", c.old.Query, c.next.Query},
		{"mutation", c.old.Mutation, c.next.Mutation},
		{"subscription", c.old.Subscription, c.next.Subscription},
	} {
		switch coordinate := "schema." + root.operation; {
		case root.was == nil && root.now == nil:
		case root.was == nil:
			c.add(Added, Safe, coordinate, "with "+root.now.Name)
		case root.now == nil:
			c.add(Removed, Breaking, coordinate, "", root.was.Name)
		case root.was.Name != root.now.Name:
			c.add(Changed, Breaking, coordinate, "from "+root.was.Name+" to "+root.now.Name, root.was.Name)
		}
	}
}

func own(d *ast.Definition) bool { return !d.BuiltIn && !strings.HasPrefix(d.Name, "__") }

type comparison struct {
	old, next *ast.Schema
	changes   []Change
}

// add adds a change. elements are what a client must use to be concerned; empty names are
// left out.
func (c *comparison) add(kind Kind, level Level, coordinate, about string, elements ...string) {
	elements = slices.DeleteFunc(elements, func(name string) bool { return name == "" })
	c.changes = append(c.changes, Change{Kind: kind, Level: level, Coordinate: coordinate, About: about, elements: elements})
}

// sending says that the last change concerns only clients that send an argument, an input field or
// an enum value.
func (c *comparison) sending(coordinate string) { c.changes[len(c.changes)-1].sent = coordinate }

func (c *comparison) definition(was, now *ast.Definition) {
	if was.Kind != now.Kind {
		c.add(Changed, Breaking, was.Name, fmt.Sprintf("from %s to %s", was.Kind, now.Kind), c.selected(was)...)
		return
	}
	switch was.Kind {
	case ast.Enum:
		c.values(was, now)
	case ast.Union:
		c.members(was.Types, now.Types, was.Name+" = %s", func(member string) []string { return []string{was.Name, member} })
	case ast.InputObject:
		switch one, before := isOneOf(now), isOneOf(was); {
		case one && !before:
			c.add(Changed, Breaking, was.Name, "is @oneOf", was.Name)
		case before && !one:
			c.add(Changed, Safe, was.Name, "is not @oneOf any more")
		}
		c.inputs(was.Name, inputFields(was), inputFields(now), func(name string) string { return was.Name + "." + name })
	case ast.Object, ast.Interface:
		c.members(was.Interfaces, now.Interfaces, was.Name+" implements %s", func(string) []string { return []string{was.Name} })
		c.fields(was, now)
	}
}

// selected returns a type and its possible types. A client may use an abstract type without a field
// of it: in a fragment that has only __typename, on a value of a possible type.
func (c *comparison) selected(d *ast.Definition) []string {
	names := []string{d.Name}
	if d.IsAbstractType() {
		for _, possible := range c.old.GetPossibleTypes(d) {
			names = append(names, possible.Name)
		}
	}
	return names
}

// members compares lists of names of which clients may get each. elements returns what a client must
// use to be concerned by the removal of one: the object of the two, even if the abstract type is used
// by no more than a fragment that has only __typename.
func (c *comparison) members(was, now []string, format string, elements func(name string) []string) {
	for _, name := range was {
		if !slices.Contains(now, name) {
			c.add(Removed, Breaking, fmt.Sprintf(format, name), "", elements(name)...)
		}
	}
	for _, name := range now {
		if !slices.Contains(was, name) {
			c.add(Added, Dangerous, fmt.Sprintf(format, name), "")
		}
	}
}

func (c *comparison) fields(was, now *ast.Definition) {
	for _, f := range was.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		coordinate := was.Name + "." + f.Name
		g := now.Fields.ForName(f.Name)
		if g == nil {
			c.add(Removed, Breaking, coordinate, "", coordinate)
			continue
		}
		if f.Type.String() != g.Type.String() {
			level := c.replacing(g.Type, f.Type, map[[2]string]bool{})
			c.add(Changed, level, coordinate, fmt.Sprintf("from %s to %s", f.Type, g.Type), coordinate)
		}
		c.deprecation(coordinate, f.Directives, g.Directives)
		c.inputs(coordinate, arguments(f.Arguments), arguments(g.Arguments), func(name string) string { return coordinate + "(" + name + ":)" })
	}
	for _, g := range now.Fields {
		if was.Fields.ForName(g.Name) == nil && !strings.HasPrefix(g.Name, "__") {
			c.add(Added, Safe, was.Name+"."+g.Name, "")
		}
	}
}

// replacing returns what it means for clients that get values of type b if type a takes its place.
// That is Breaking unless what clients select on b stays valid, and Safe only if each value of a is one
// of b. seen has the names of the pairs of types that are compared already.
func (c *comparison) replacing(a, b *ast.Type, seen map[[2]string]bool) Level {
	switch {
	case b.NonNull:
		if !a.NonNull {
			return Breaking
		}
		return c.replacing(nullable(a), nullable(b), seen)
	case a.NonNull:
		return c.replacing(nullable(a), b, seen)
	case a.Elem != nil && b.Elem != nil:
		return c.replacing(a.Elem, b.Elem, seen)
	case a.Elem != nil || b.Elem != nil:
		return Breaking
	case a.NamedType == b.NamedType || seen[[2]string{a.NamedType, b.NamedType}]:
		return Safe
	}
	seen[[2]string{a.NamedType, b.NamedType}] = true
	return c.replacingAbstract(a.NamedType, b.NamedType, seen)
}

// replacingAbstract is replacing for the old abstract type b. A fragment on an object of b is valid
// only if that is one of a, too. What clients select in the fields of b must be valid in those of a.
// Objects that b is not are as dangerous as new members of a union.
func (c *comparison) replacingAbstract(a, b string, seen map[[2]string]bool) Level {
	wide, narrow := c.old.Types[b], c.next.Types[a]
	if wide == nil || narrow == nil || !wide.IsAbstractType() {
		return Breaking
	}
	level := Safe
	possible, allowed := objects(c.next, a), objects(c.next, b)
	for name := range objects(c.old, b) {
		if !possible[name] {
			return Breaking
		}
	}
	for name := range possible {
		if !allowed[name] {
			level = Dangerous
		}
	}
	for _, f := range wide.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		g := narrow.Fields.ForName(f.Name)
		if g == nil || !c.takes(g, f) {
			return Breaking
		}
		level = max(level, c.replacing(g.Type, f.Type, seen))
	}
	return level
}

// takes reports whether field a takes the arguments of b.
func (c *comparison) takes(a, b *ast.FieldDefinition) bool {
	of := &comparison{old: c.old, next: c.next}
	of.inputs("", arguments(b.Arguments), arguments(a.Arguments), func(name string) string { return name })
	return !slices.ContainsFunc(of.changes, func(change Change) bool { return change.Level == Breaking })
}

// objects returns the names of the objects that a type stands for in a schema.
func objects(schema *ast.Schema, name string) map[string]bool {
	names := map[string]bool{}
	if d := schema.Types[name]; d != nil {
		for _, possible := range schema.GetPossibleTypes(d) {
			if possible.Kind == ast.Object {
				names[possible.Name] = true
			}
		}
	}
	return names
}

func nullable(t *ast.Type) *ast.Type {
	without := *t
	without.NonNull = false
	return &without
}
