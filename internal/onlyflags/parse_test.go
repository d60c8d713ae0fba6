package onlyflags_test

import (
	"flag"
	"strings"
	"testing"

	"souk/internal/onlyflags"
)

func TestOtherArgumentsAreRefused(t *testing.T) {
	for _, c := range []struct{ arguments, printed string }{
		{"", ""},
		{"-down", ""},
		{"up", "there is no argument \"up\"; there are these flags:\n  -down\n"},
		{"-down up", "there is no argument \"up\"; there are these flags:\n  -down\n"},
		{"-up", "flag provided but not defined: -up\n"},
	} {
		var out strings.Builder
		set := flag.NewFlagSet("cluster", flag.ContinueOnError)
		set.SetOutput(&out)
		set.Bool("down", false, "delete the cluster")
		err := onlyflags.Parse(set, strings.Fields(c.arguments))
		if (err == nil) != (c.printed == "") || !strings.HasPrefix(out.String(), c.printed) || err == nil && out.Len() > 0 {
			t.Errorf("%q: got the error %v and the text %q, want %q", c.arguments, err, out.String(), c.printed)
		}
	}
}
