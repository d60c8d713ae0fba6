package accept_test

import (
	"fmt"
	"slices"
	"testing"

	"souk/router/internal/accept"
)

func members(lines ...string) []string {
	var out []string
	accept.Each(lines, func(name, parameters string, weight int) {
		out = append(out, fmt.Sprintf("%s|%s|%d", name, parameters, weight))
	})
	return out
}

func TestElementsAreSplitOutsideQuotes(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{name: "none", lines: nil, want: nil},
		{name: "empty members", lines: []string{" , ,", ""}, want: nil},
		{name: "several lines", lines: []string{"a", "b;q=0.5, c"}, want: []string{"a||1000", "b|q=0.5|500", "c||1000"}},
		{name: "upper case and spaces", lines: []string{"Text/HTML ; Q = 0.25"}, want: []string{"text/html| Q = 0.25|250"}},
		{name: "separators in quotes", lines: []string{`m;b="a,b;q=0";q=0.1, n`}, want: []string{`m|b="a,b;q=0";q=0.1|100`, "n||1000"}},
		{name: "escaped quote", lines: []string{`m;b="\",";q=0.2`}, want: []string{`m|b="\",";q=0.2|200`}},
		{name: "open quote", lines: []string{`m;b="a, n`}, want: []string{`m|b="a, n|1000`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := members(c.lines...); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWeightsAreParsedInThousandths(t *testing.T) {
	for q, want := range map[string]int{
		"1": 1000, "1.000": 1000, "0": 0, "0.": 0, "0.5": 500, "0.123": 123, "0.1239": 123, ".2": 200, "1.5": 1000,
		"": 0, ".": 0, "2": 0, "-1": 0, "0.x": 0, "banana": 0, "1e0": 0,
	} {
		if got, want := members("a;q=" + q)[0], fmt.Sprintf("a|q=%s|%d", q, want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParameterIsUnquoted(t *testing.T) {
	const parameters = ` Charset = "UTF\-8" ; level=1;x`
	for name, want := range map[string]string{"charset": "UTF-8", "level": "1", "x": ""} {
		if got, ok := accept.Parameter(parameters, name); !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, ok, want)
		}
	}
	if got, ok := accept.Parameter(parameters, "q"); ok {
		t.Errorf("got %q for a missing parameter", got)
	}
}

// FuzzMembers checks that no header makes Each panic or return an invalid weight.
func FuzzMembers(f *testing.F) {
	f.Add(`multipart/mixed;boundary="-,";q=0.3, */*`)
	f.Fuzz(func(t *testing.T, line string) {
		accept.Each([]string{line}, func(name, parameters string, weight int) {
			if name == "" || weight < 0 || weight > accept.MaxWeight {
				t.Errorf("%q: %q with weight %d", line, name, weight)
			}
			accept.Parameter(parameters, "charset")
		})
	})
}
