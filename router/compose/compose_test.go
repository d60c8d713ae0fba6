package compose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"souk/router/compose"
)

// TestResultsMatchExpectedCodes composes all cases and compares the error codes.
func TestResultsMatchExpectedCodes(t *testing.T) {
	for _, c := range compositions {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			composed, err := compose.Compose(t.Context(), c.list())
			if got := codesOf(err); !sameCodes(got, c.codes) {
				t.Errorf("got codes %v (%v), want %v", got, err, c.codes)
			}
			if (err == nil) != (composed != nil) {
				t.Error("want either a supergraph or an error")
			}
		})
	}
}

func TestResultDoesNotDependOnOrder(t *testing.T) {
	subgraphs := storeSubgraphs(t)
	one, err := compose.Compose(t.Context(), subgraphs)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(subgraphs)
	other, err := compose.Compose(t.Context(), subgraphs)
	if err != nil {
		t.Fatal(err)
	}
	if one.SDL != other.SDL {
		t.Error("the supergraph depends on the order of the subgraphs")
	}
}

func TestErrorsHavePositions(t *testing.T) {
	cases := []struct {
		name string
		sdl  string
		want string // prefix of the error
	}{
		{name: "broken", sdl: "type Query {\n  a: Int\n  b Int\n}", want: "reviews:3:5: INVALID_GRAPHQL: "},
		{name: "unfinished", sdl: "type Query {", want: "reviews:1:13: INVALID_GRAPHQL: "},
		{name: "unknown directive", sdl: "type Query {\n  a: Int @nope\n}", want: "reviews:2:10: INVALID_GRAPHQL: "},
		{name: "bad key", sdl: federation + "type Query { t: T }\ntype T @key(fields: \"x\") { id: ID! }", want: "reviews:3:8: KEY_INVALID_FIELDS: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "reviews", URL: "http://r", SDL: c.sdl}, {Name: "users", URL: "http://u", SDL: "type Query { u: Int }"}})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want the prefix %q", err, c.want)
			}
			var e *compose.Error
			if !errors.As(err, &e) || len(e.Locations) == 0 || e.Locations[0].Subgraph != "reviews" {
				t.Errorf("the error does not name the subgraph: %#v", e)
			}
		})
	}
}

func TestInvalidNamesAreRejected(t *testing.T) {
	sdl := "type Query { a: Int }"
	cases := map[string][]compose.Subgraph{
		"none":            {},
		"no name":         {{URL: "http://a", SDL: sdl}},
		"duplicate names": {{Name: "a", URL: "http://a", SDL: sdl}, {Name: "a", URL: "http://b", SDL: sdl}},
		"reserved":        {{Name: "_", URL: "http://a", SDL: sdl}},
	}
	for name, subgraphs := range cases {
		if _, err := compose.Compose(t.Context(), subgraphs); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// FuzzCompose checks that composition of any SDL ends with a supergraph or an
// Errors.
func FuzzCompose(f *testing.F) {
	for i := 0; i < len(compositions); i += 10 { // a sample; the tests above compose all of them
		f.Add(compositions[i].subgraphs["a"])
	}
	f.Add(strings.Repeat("type A { a(b: [", 50))
	f.Add("type Query { a: " + strings.Repeat("[", 3000) + "Int" + strings.Repeat("]", 3000) + " }")
	f.Fuzz(func(t *testing.T, sdl string) {
		_, err := compose.Compose(t.Context(), []compose.Subgraph{
			{Name: "a", URL: "http://a", SDL: federation + sdl},
			{Name: "b", URL: "http://b", SDL: federation + `type Query { b: Int } type T @key(fields: "id") { id: ID! n: Int }`},
		})
		var problems compose.Errors
		if err != nil && !errors.As(err, &problems) {
			t.Errorf("%q: %v", sdl, err)
		}
	})
}
