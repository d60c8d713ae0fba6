package schemadiff_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"souk/router/operation"
	"souk/router/schemadiff"
	"souk/router/usage"
)

// What a usage tells of arguments, input fields and enum values makes no change safe that breaks
// one of the operations that it is of.
func TestDetailsOfAUsageMakeNothingSafeThatBreaks(t *testing.T) {
	spared := 0
	rapid.Check(t, func(rt *rapid.T) {
		before, after, old, next := drawSchemas(rt)
		changes := schemadiff.Compare(old, next)
		if !breaking(changes) {
			return
		}
		schema, err := operation.NewSchema(before)
		if err != nil {
			rt.Skip(err) // such as an enum as the type of an @oneOf field
		}
		counted := usage.NewSchema(schema.Definitions(), true, nil, func() {})
		for _, text := range (operations{old}).all() {
			document, err := schema.Parse(text, "")
			if err != nil {
				continue // with a directive that operations of the router may not have
			}
			e := counted.Of(document.Operation(nil))
			if e == nil || breaking(relax(rt, old, changes, e.Coordinates, true)) || !breaking(relax(rt, old, changes, e.Coordinates, false)) {
				continue
			}
			spared++
			if why := broken(rt, old, next, text); why != "" {
				rt.Fatalf("from\n%s\nto\n%s\n%s is broken: %s\nuses %v\nchanges %v", before, after, text, why, e.Coordinates, changes)
			}
		}
	})
	if spared == 0 {
		t.Error("no change was safe because of the details")
	}
}

func breaking(changes []schemadiff.Change) bool {
	return slices.ContainsFunc(changes, func(c schemadiff.Change) bool { return c.Level == schemadiff.Breaking })
}

// relax applies a usage with some coordinates, in the form of telemetry.usage_export, or with the
// fields only.
func relax(t *rapid.T, schema *ast.Schema, changes []schemadiff.Change, coordinates []string, details bool) []schemadiff.Change {
	document := map[string]any{}
	if details {
		document["until"] = "2026-01-02T03:04:05Z"
	}
	of := map[string]map[string]any{"fields": {}, "arguments": {}, "input_fields": {}, "enum_values": {}}
	for _, coordinate := range coordinates {
		name, _, _ := strings.Cut(coordinate, ".")
		kind := "fields"
		switch {
		case strings.Contains(coordinate, "("):
			kind = "arguments"
		case schema.Types[name].Kind == ast.InputObject:
			kind = "input_fields"
		case schema.Types[name].Kind == ast.Enum:
			kind = "enum_values"
		}
		of[kind][coordinate] = struct{}{}
	}
	for kind, members := range of {
		if kind == "fields" || details && len(members) > 0 {
			document[kind] = members
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	u := schemadiff.Usage{}
	if err := u.Parse(text); err != nil {
		t.Fatal(err)
	}
	return u.Relax(schema, changes)
}
