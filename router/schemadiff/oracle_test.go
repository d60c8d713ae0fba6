package schemadiff_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"pgregory.net/rapid"

	"souk/router/schemadiff"
)

// A slot is a part of the schemas that are compared, which has one of several texts.
type slot struct {
	name  string
	texts []string
}

var (
	inputTypes  = []string{"Int", "Int!", "[Int]", "[Int!]", "[Int!]!", "E", "E!", "I", "String"}
	outputTypes = []string{"", "Int", "Int!", "[Int]", "[Int!]", "[Int]!", "String", "Out", "P", "P!", "R", "N", "U", "[P]", "[N!]"}
)

// slots are all parts that differ. An empty text leaves the part out.
var slots = []slot{
	{"x", inputTypes}, {"x=", []string{"", "1", "2", "null", "A"}}, {"y", append([]string{""}, inputTypes...)}, {"y=", []string{"", "1", "A"}},
	{"i", []string{"Int", "Int!", "E", "[Int]"}}, {"i=", []string{"", "1", "2", "A"}}, {"j", []string{"", "Int", "Int!"}}, {"j=", []string{"", "1"}},
	{"oneOf", []string{"", "@oneOf"}}, {"o", []string{"", "Int"}},
	{"f", outputTypes}, {"g", outputTypes}, {"h", outputTypes}, {"n", outputTypes},
	{"union", []string{"P", "P | R", "R", "P | R | S"}}, {"P", []string{"", "implements N"}}, {"R", []string{"", "implements N"}},
	{"E.B", []string{"", "B"}}, {"E.C", []string{"", "C"}}, {"Out.B", []string{"", "B"}}, {"Sent.B", []string{"", "B"}},
	{"query", []string{"Query", "Other"}}, {"mutation", []string{"", "mutation: Change"}},
	{"d", []string{"", "Int", "Int!", "E"}}, {"d=", []string{"", "1", "A"}}, {"repeatable", []string{"", "repeatable"}},
	{"FIELD", []string{"", " | FIELD"}}, {"INLINE", []string{"", " | INLINE_FRAGMENT"}}, {"@d", []string{"", "FIELD_DEFINITION", "FIELD_DEFINITION | QUERY"}},
}

// sdl writes the schema with the chosen texts.
func sdl(chosen map[string]string) string {
	input := func(name, slot string) string {
		typ, value := chosen[slot], chosen[slot+"="]
		if typ == "" {
			return ""
		}
		if fits := map[string]string{"1": "Int", "2": "Int", "A": "E"}[value]; value == "" || value != "null" && strings.Trim(typ, "[]!") != fits || value == "null" && strings.HasSuffix(typ, "!") {
			return name + ": " + typ + " "
		}
		return name + ": " + typ + " = " + value + " "
	}
	output := func(name string, arguments string) string {
		if chosen[name] == "" {
			return ""
		}
		return name + arguments + ": " + chosen[name] + " "
	}
	fields := "{ id: ID " + output("g", "") + output("h", "") + "}"
	roots := "{ " + output("f", "("+input("x", "x")+input("y", "y")+")") + "p: P r: R s: S n: N u: U i(i: I, o: Choice, e: E, t: Sent): E }\n"
	text := "schema { query: " + chosen["query"] + " " + chosen["mutation"] + " }\ntype Query " + roots + "type Other " + roots + "type Change { c: Int }\n" +
		"interface N { id: ID " + output("n", "") + "}\n" + "union U = " + chosen["union"] + "\ntype S implements N { id: ID " + output("n", "") + "}\n" +
		"input I { k: Int " + input("i", "i") + input("j", "j") + "}\ninput Choice " + chosen["oneOf"] + " { a: Int " + input("o", "o") + "}\n" +
		"enum E { A " + chosen["E.B"] + " " + chosen["E.C"] + " }\nenum Out { A " + chosen["Out.B"] + " }\nenum Sent { A " + chosen["Sent.B"] + " }\n"
	for _, name := range []string{"P", "R"} {
		own := fields
		if chosen[name] != "" && chosen["n"] != "" {
			own = strings.TrimSuffix(fields, "}") + output("n", "") + "}"
		}
		text += "type " + name + " " + chosen[name] + " " + own + "\n"
	}
	if chosen["@d"] != "" {
		arguments := ""
		if one := input("x", "d"); one != "" {
			arguments = "(" + one + ")"
		}
		text += "directive @d" + arguments + " " + chosen["repeatable"] + " on " + chosen["@d"] + chosen["FIELD"] + chosen["INLINE"] + "\n"
	}
	return text
}

// drawSchemas returns two schemas, which differ in one or two parts, with their texts.
func drawSchemas(t *rapid.T) (before, after string, old, next *ast.Schema) {
	chosen := map[string]string{}
	for _, s := range slots {
		chosen[s.name] = rapid.SampledFrom(s.texts).Draw(t, s.name)
	}
	changed := maps.Clone(chosen)
	for range rapid.IntRange(1, 2).Draw(t, "changes") {
		s := rapid.SampledFrom(slots).Draw(t, "slot")
		changed[s.name] = rapid.SampledFrom(s.texts).Draw(t, "text")
	}
	before, after = sdl(chosen), sdl(changed)
	var err error
	if old, err = gqlparser.LoadSchema(&ast.Source{Input: before}); err != nil {
		t.Fatalf("%v\n%s", err, before)
	}
	if next, err = gqlparser.LoadSchema(&ast.Source{Input: after}); err != nil {
		t.Fatalf("%v\n%s", err, after)
	}
	return before, after, old, next
}

// Compare finds a breaking change exactly if one of all small operations on the old schema
// becomes invalid on the next one, or gets values of another type.
func TestBreakingIsWhatMakesAnOperationInvalid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before, after, old, next := drawSchemas(rt)
		witness := ""
		for _, operation := range (operations{old}).all() {
			if why := broken(rt, old, next, operation); why != "" {
				witness = operation + ": " + why
				break
			}
		}
		changes := schemadiff.Compare(old, next)
		breaks := slices.ContainsFunc(changes, func(c schemadiff.Change) bool { return c.Level == schemadiff.Breaking })
		if breaks != (witness != "") {
			rt.Errorf("from\n%s\nto\n%s\nchanges %v\nbroken operation: %s", before, after, changes, witness)
		}
	})
}

// broken says why an operation on the old schema does not work on the next one, or "".
func broken(t interface{ Fatalf(string, ...any) }, old, next *ast.Schema, operation string) string {
	was, err := gqlparser.LoadQueryWithRules(old, operation, rules.NewDefaultRules())
	if err != nil {
		t.Fatalf("%s is not valid before: %v", operation, err)
	}
	now, err := gqlparser.LoadQueryWithRules(next, operation, rules.NewDefaultRules())
	if err != nil {
		return err.Error()
	}
	return other(was.Operations[0].SelectionSet, now.Operations[0].SelectionSet)
}

// other says which value of a response is not of the type that it had, or "".
func other(was, now ast.SelectionSet) string {
	for i := range was {
		switch a := was[i].(type) {
		case *ast.InlineFragment:
			if why := other(a.SelectionSet, now[i].(*ast.InlineFragment).SelectionSet); why != "" {
				return why
			}
		case *ast.Field:
			b := now[i].(*ast.Field)
			if a.Name == "__typename" && a.ObjectDefinition.Kind == ast.Object && a.ObjectDefinition.Name != b.ObjectDefinition.Name {
				return "another __typename"
			}
			if !strings.HasPrefix(a.Name, "__") && !accepts(a.Definition.Type, b.Definition.Type, len(a.SelectionSet) == 0) {
				return fmt.Sprintf("%s is %s, was %s", a.Name, b.Definition.Type, a.Definition.Type)
			}
			if why := other(a.SelectionSet, b.SelectionSet); why != "" {
				return why
			}
		}
	}
	return ""
}

// accepts reports whether a client that expects values of a type gets them from another one.
func accepts(was, now *ast.Type, leaf bool) bool {
	switch {
	case was.NonNull && !now.NonNull, (was.Elem == nil) != (now.Elem == nil):
		return false
	case was.Elem != nil:
		return accepts(was.Elem, now.Elem, leaf)
	}
	return !leaf || was.NamedType == now.NamedType
}
