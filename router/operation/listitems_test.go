package operation

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestLongListsAreDetectedAnywhere(t *testing.T) {
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	for _, test := range []struct {
		name, text string
		want       bool
	}{
		{name: "the maximum", text: `{"a":` + list(10) + `}`},
		{name: "one more", text: `{"a":` + list(11) + `}`, want: true},
		{name: "in a list in an object", text: `{"a":[{"b":` + list(11) + `}]}`, want: true},
		{name: "several lists", text: `{"a":` + list(10) + `,"b":` + list(10) + `}`},
		{name: "commas in a string", text: `{"a":["` + strings.Repeat(",", 40) + `"]}`},
		{name: "members of an object", text: `{"a":[{"b":1` + strings.Repeat(`,"c":1`, 20) + `}]}`},
		{name: "short lists in a list", text: `{"a":[` + strings.TrimSuffix(strings.Repeat(list(4)+",", 9), ",") + `]}`},
	} {
		if got := exceeds(json.RawMessage(test.text), 10); got != test.want {
			t.Errorf("%s: longer than allowed = %t", test.name, got)
		}
	}
	if exceeds(json.RawMessage(list(100_000)), 0) {
		t.Error("a limit of 0 rejects lists, want no limit")
	}
}
