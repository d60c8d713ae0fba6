package convert

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"souk/router/gateway/config"
)

// pages are the guides for those who come from another router.
var pages = map[string]string{
	"apollo": "../../docs/migrate-from-apollo-router.md",
	"cosmo":  "../../docs/migrate-from-cosmo.md",
	"hive":   "../../docs/migrate-from-hive-router.md",

	"hive-gateway": "../../docs/migrate-from-hive-router.md",
}

const settingsEnd = "<!-- end of settings -->\n"

// settingsBegin returns what is before the table of a router in its guide.
func settingsBegin(s *source) string {
	of := ""
	if s.name == hiveGateway().name { // the second of its guide
		of = " of " + s.title
	}
	return "<!-- settings" + of + ": go test ./router/convert -run Pages -update -->\n"
}

// The guides have a row for each setting that has a rule, and no others.
func TestPagesHaveEverySetting(t *testing.T) {
	for _, s := range sources() {
		text, err := os.ReadFile(pages[s.name])
		if err != nil {
			t.Fatal(err)
		}
		before, rest, begins := strings.Cut(string(text), settingsBegin(s))
		got, after, ends := strings.Cut(rest, settingsEnd)
		if !begins || !ends {
			t.Errorf("%s has no place for the settings", pages[s.name])
			continue
		}
		want := settings(s)
		if *update {
			if err := os.WriteFile(pages[s.name], []byte(before+settingsBegin(s)+want+settingsEnd+after), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got != want {
			t.Errorf("%s is not current; run go test ./router/convert -run Pages -update", pages[s.name])
		}
	}
}

// settings returns the rules of a router as a table.
func settings(s *source) string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n| %s | Souk | what differs, or what to do instead |\n|---|---|---|\n", s.title)
	for _, pattern := range slices.Sorted(maps.Keys(s.rules)) {
		r := s.rules[pattern]
		keys := "–"
		if len(r.to) > 0 {
			keys = "`" + strings.Join(named(r.to), "`, `") + "`"
		}
		fmt.Fprintf(&out, "| %s | %s | %s |\n", setting(pattern, r), keys, marked(r.note))
	}
	return out.String() + "\n"
}

// setting returns the pattern of a rule for readers.
func setting(pattern string, r rule) string {
	if above, ok := strings.CutSuffix(pattern, ".*"); ok && !strings.Contains(strings.Join(r.to, " "), "*") {
		return "others in `" + above + "`"
	}
	return "`" + strings.ReplaceAll(pattern, "*", "NAME") + "`"
}

// marked returns a note with its keys in code spans.
func marked(note string) string {
	parts := strings.Split(strings.ReplaceAll(named([]string{note})[0], "|", `\|`), "`")
	for i := 0; i < len(parts); i += 2 { // the others are in code spans already
		parts[i] = keyInProse.ReplaceAllStringFunc(parts[i], func(key string) string {
			if root, _, _ := strings.Cut(key, "."); !roots()[root] {
				return key
			}
			return "`" + key + "`"
		})
	}
	return strings.Join(parts, "`")
}

// roots has the keys of this router at the top level.
var roots = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, key := range config.Keys() {
		root, _, _ := strings.Cut(key, ".")
		all[root] = true
	}
	return all
})

// anyName matches a part of a key that stands for a name, or for all and names.
var anyName = regexp.MustCompile(`(override_subgraph_urls|subgraphs)\.\*`)

func named(keys []string) []string {
	out := make([]string, len(keys))
	for i, key := range keys {
		out[i] = anyName.ReplaceAllString(key, "$1.NAME")
	}
	return out
}

// keyInProse matches a key of this router in a note. A * stands for all and for subgraphs.NAME.
var keyInProse = regexp.MustCompile(`\b[a-z_]+(?:\.(?:[a-z_0-9]+|NAME|\*))+`)

// Every key that a rule or its note names exists.
func TestRulesNameKeysThatExist(t *testing.T) {
	known := config.Keys()
	exists := func(key string) bool {
		return slices.Contains(known, strings.ReplaceAll(key, "*", "all")) || slices.Contains(known, key) || slices.Contains(known, strings.ReplaceAll(key, "*", "NAME"))
	}
	found := 0
	for _, s := range sources() {
		for pattern, r := range s.rules {
			for _, key := range named(r.to) {
				if found++; !exists(key) {
					t.Errorf("%s: %s: there is no key %s", s.name, pattern, key)
				}
			}
			for _, key := range keyInProse.FindAllString(r.note, -1) {
				if root, _, _ := strings.Cut(key, "."); roots()[root] && !exists(key) {
					t.Errorf("%s: %s: the note names %s, which does not exist: %s", s.name, pattern, key, r.note)
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("found only %d keys", found)
	}
}

// A rule sets only the keys that it names, so that the guides are true.
func TestRulesSetTheKeysThatTheyName(t *testing.T) {
	for _, s := range sources() {
		input, err := os.ReadFile("testdata/" + s.name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		inputs := []string{string(input)}
		for pattern := range s.rules {
			for _, value := range []string{"true", "5", "10s", "text", "[a]", "{enabled: true, limit: 3}"} {
				parts := strings.Split(strings.ReplaceAll(pattern, "*", "a-name"), ".")
				inputs = append(inputs, "{"+strings.Join(parts, ": {")+": "+value+strings.Repeat("}", len(parts)))
			}
		}
		for _, input := range inputs {
			r, err := Convert([]byte(input), s.name)
			if err != nil {
				t.Fatalf("%v\n%s", err, input)
			}
			for _, n := range r.Notes {
				if pattern, r, ok := ruleOf(s, n.Key); ok && n.To != "" && !covers(r.to, n.To) {
					t.Errorf("%s: %s sets %s, but names %v", s.name, pattern, n.To, r.to)
				}
			}
		}
	}
}

// ruleOf returns the rule that applies to a key of the input.
func ruleOf(s *source, key string) (pattern string, r rule, ok bool) {
	here := newTrie(s.rules)
	var path []string
	for part := range strings.SplitSeq(index.ReplaceAllString(key, ""), ".") {
		if here.known() {
			break
		}
		next, any := here.child(part)
		if next == nil {
			return "", rule{}, false
		}
		if any {
			part = "*"
		}
		here, path = next, append(path, part)
	}
	return strings.Join(path, "."), here.rule, here.known()
}

// covers reports whether a key is one of some, or below one, or above it in a note about several.
func covers(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return contains(k, key) || contains(key, k) })
}
