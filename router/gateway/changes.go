package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"souk/router/console/record"
	"souk/router/supergraph"
)

// recordReload records that a supergraph replaced another one, or was refused. The first one
// is no reload: old is nil.
func (gw *Gateway) recordReload(began time.Time, old, next *snapshot, err error) {
	if gw.options.Recorder == nil || old == nil {
		return
	}
	one := record.Reload{Time: began, Kind: "supergraph", Outcome: "applied", Duration: time.Since(began)}
	switch {
	case err != nil:
		one.Outcome, one.Reason = "refused", err.Error()
	case old.id == next.id:
		one.Outcome = "unchanged"
	default:
		one.Changes = changes(old.model, next.model)
	}
	gw.options.Recorder.Reloaded(one)
}

// changes returns the differences between two supergraphs that clients or operators notice:
// subgraphs, types, fields with their arguments, and the subgraphs that resolve them.
func changes(old, next *supergraph.Model) []record.Change {
	was, is := elements(old), elements(next)
	var out []record.Change
	for _, name := range sortedKeys(was, is) {
		a, had := was[name]
		b, has := is[name]
		switch {
		case !had:
			out = append(out, record.Change{Kind: "added", What: name, Detail: b})
		case !has:
			out = append(out, record.Change{Kind: "removed", What: name, Detail: a})
		case a != b:
			out = append(out, record.Change{Kind: "changed", What: name, Detail: a + " → " + b})
		}
	}
	return out
}

// elements describes the elements of a supergraph, by coordinate.
func elements(m *supergraph.Model) map[string]string {
	out := map[string]string{}
	for _, g := range m.Subgraphs {
		out["subgraph "+g.Name] = shownAddress(g.URL)
	}
	for _, t := range m.Types() {
		if len(t.In) == 0 && t.Kind == supergraph.Scalar { // built in
			continue
		}
		out[t.Name] = typeNames[t.Kind]
		for _, v := range t.EnumValues {
			out[t.Name+"."+v.Name] = "value"
		}
		for _, f := range t.Fields {
			out[t.Name+"."+f.Name] = describeField(f)
		}
		if t.Kind == supergraph.Union {
			for _, p := range t.Possible {
				out[t.Name+" | "+p.Name] = "member"
			}
		}
	}
	return out
}

var typeNames = map[supergraph.Kind]string{
	supergraph.Scalar: "scalar", supergraph.Enum: "enum", supergraph.Object: "type", supergraph.Interface: "interface",
	supergraph.Union: "union", supergraph.InputObject: "input",
}

func describeField(f *supergraph.Field) string {
	var b strings.Builder
	if len(f.Arguments) > 0 {
		arguments := make([]string, len(f.Arguments))
		for i, a := range f.Arguments {
			arguments[i] = a.Name + ": " + a.Type
		}
		fmt.Fprintf(&b, "(%s) ", strings.Join(arguments, ", "))
	}
	b.WriteString(f.Type)
	var by []string
	for _, in := range f.In {
		if in.Resolves(func(string) bool { return false }) {
			by = append(by, in.Subgraph.Name)
		}
	}
	if len(by) > 0 && f.Parent.Kind != supergraph.InputObject {
		b.WriteString(" from " + strings.Join(by, ", "))
	}
	if f.Inaccessible {
		b.WriteString(" @inaccessible")
	}
	return b.String()
}

// shownAddress returns a URL without credentials and query.
func shownAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

func sortedKeys(a, b map[string]string) []string {
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
