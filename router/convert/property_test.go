package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// moreKeys are keys that rules read below those of the tables.
var moreKeys = strings.Fields("url urls issuer issuers audiences algorithms poll_interval polling_interval refresh_interval header_names header_value_prefixes jwks source name prefix " +
	"named matching op value propagate remove insert set enabled disabled limit all subgraphs subgraph redis username password timeout ttl shared_key private_id invalidation " +
	"from_env default expression duration include type path kind origins match_origins protocol heartbeat_interval headers body context condition request response router " +
	"host port secs nanos redact_message json text allow_credentials require_authentication jwks_providers lookup_locations allowed_algorithms")

// words are values that rules know.
var knownWords = strings.Fields("file header remote propagate set prometheus json text ws enforce measure graphql_ws Error disabled none all simple 10s 5MB 50% https://a.example")

// A drawer draws documents. Strings and numbers are all different.
type drawer struct {
	*rapid.T
	keys  []string
	count int
}

func (d *drawer) value(depth int) any {
	d.count++
	kinds := 7
	if depth > 3 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds).Draw(d.T, "kind") {
	case 0:
		return rapid.Bool().Draw(d.T, "bool")
	case 1:
		return 1000 + 10*d.count
	case 2:
		return rapid.SampledFrom(knownWords).Draw(d.T, "word")
	case 3:
		return nil
	case 4:
		return fmt.Sprintf("text%d", d.count)
	case 5:
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(d.T, "items") {
			item := d.value(depth + 1)
			if _, ok := item.(bool); !ok {
				list = append(list, item)
			}
		}
		return list
	}
	object := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(d.T, "entries") {
		object[rapid.SampledFrom(d.keys).Draw(d.T, "key")] = d.value(depth + 1)
	}
	return object
}

// document has values of any form at some keys of a router.
func (d *drawer) document(s *source) map[string]any {
	root := map[string]any{}
	patterns := slices.Sorted(maps.Keys(s.rules))
	for range rapid.IntRange(1, 4).Draw(d.T, "keys") {
		pattern := rapid.SampledFrom(patterns).Draw(d.T, "pattern")
		here := root
		parts := strings.Split(strings.ReplaceAll(pattern, "*", "a-name"), ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := here[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				here[part] = next
			}
			here = next
		}
		here[parts[len(parts)-1]] = d.value(0)
	}
	for section, t := range s.switches {
		if object, ok := root[section].(map[string]any); ok && object[t.key] == nil && rapid.Bool().Draw(d.T, "switch") {
			object[t.key] = rapid.Bool().Draw(d.T, "on")
		}
	}
	return root
}

// A leaf is a scalar in a document.
type leaf struct {
	path string
	set  func(any)
	old  any
}

func scalars(value any, path string, set func(any)) []leaf {
	var all []leaf
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for key, child := range v {
			all = append(all, scalars(child, strings.TrimPrefix(path+"."+key, "."), func(to any) { v[key] = to })...)
		}
	case []any:
		for i, child := range v {
			all = append(all, scalars(child, fmt.Sprintf("%s[%d]", path, i), func(to any) { v[i] = to })...)
		}
	default:
		all = append(all, leaf{path, set, value})
	}
	return all
}

// other returns another value of the same kind.
func other(value any) any {
	switch v := value.(type) {
	case bool:
		return !v
	case int:
		return v + 1
	}
	return fmt.Sprint(value, "x")
}

// explained reports whether a note says why a value is not in the output.
func explained(notes []Note, path string) bool {
	return slices.ContainsFunc(notes, func(n Note) bool {
		rest, ok := strings.CutPrefix(path, n.Key)
		within := ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		return within && n.Line > 0 && (n.Status == None || n.Status == Unknown || n.Status == Unread || n.Note != "")
	})
}

// Each value of a random configuration is in the output, so that another value gives another
// output, or a note says what became of it.
func TestNoValueIsDropped(t *testing.T) {
	for _, s := range sources() {
		keys := slices.Clone(moreKeys)
		for pattern := range s.rules {
			keys = append(keys, strings.Split(strings.ReplaceAll(pattern, "*", "a-name"), ".")...)
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		t.Run(s.name, rapid.MakeCheck(func(t *rapid.T) {
			root := (&drawer{T: t, keys: keys}).document(s)
			before, input := converted(t, root, s.name)
			for _, l := range scalars(root, "", nil) {
				if explained(before.Notes, l.path) {
					continue
				}
				l.set(other(l.old))
				after, _ := converted(t, root, s.name)
				l.set(l.old)
				if reflect.DeepEqual(before.Lost(), after.Lost()) && before.Config == after.Config {
					t.Fatalf("%s is dropped without a word\n%s\n%s\n%+v", l.path, input, before.Config, before.Notes)
				}
			}
		}))
	}
}

func converted(t *rapid.T, root map[string]any, from string) (*Result, string) {
	input, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Convert(input, from)
	if err != nil {
		t.Fatalf("%v\n%s", err, input)
	}
	return r, string(input)
}
