package merge

import (
	"regexp"
	"strconv"
	"strings"

	"souk/router/compose/internal/subgraph"
)

// aliases chooses the prefixes of specifications in the supergraph.
type aliases struct {
	m      *merger
	self   map[string]map[string]bool // identity → aliases that its own imports exclude
	other  map[string]map[string]bool // identity → aliases that its imports exclude for others
	names  map[string]bool            // all names of elements
	prefix string
	next   int
}

// findAliases collects the names that an alias must not be confused with.
func (m *merger) findAliases(specs []*mergedSpec) *aliases {
	a := &aliases{m: m, self: map[string]map[string]bool{}, other: map[string]map[string]bool{}, names: map[string]bool{}}
	for _, f := range m.features {
		a.add(f.URL, f.Imports)
	}
	for _, s := range specs {
		var imports []subgraph.Import
		for _, d := range s.directives {
			imports = append(imports, subgraph.Import{Name: "@" + d.spec.Name, As: "@" + d.name})
		}
		a.add(s.composition.Spec, imports)
	}
	for _, f := range m.composed.features() {
		a.add(f.URL, f.Imports)
	}
	name := func(n string) {
		if !strings.HasPrefix(n, "__") && n != "_Any" && n != "_Service" && n != "_Entity" {
			a.names[n] = true
		}
	}
	for _, s := range m.subgraphs {
		for _, t := range s.Schema.Types {
			name(t.Name)
		}
		for _, d := range s.Schema.Directives {
			name(d.Name)
		}
	}
	for _, t := range m.super.Types {
		name(t.Name)
	}
	return a
}

func (a *aliases) add(url subgraph.SpecURL, imports []subgraph.Import) {
	a.names[url.Name] = true
	self, other := map[string]bool{}, map[string]bool{}
	for _, i := range imports {
		spec, name := strings.TrimPrefix(i.Name, "@"), strings.TrimPrefix(i.InSchema(), "@")
		a.names[name] = true
		if alias, element, prefixed := strings.Cut(name, "__"); prefixed {
			if element != spec {
				self[alias] = true
			}
			other[alias] = true
		}
		if strings.HasPrefix(i.Name, "@") {
			if spec != url.Name {
				self[name] = true
			}
			other[name] = true
		}
	}
	a.self[url.Identity], a.other[url.Identity] = self, other
}

var namePattern = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z]*$`)

// name returns the alias of a specification: its own name if that is free.
func (a *aliases) name(url subgraph.SpecURL) string {
	if a.free(url) {
		return url.Name
	}
	if a.prefix == "" {
		a.prefix = a.unusedPrefix()
	}
	alias := a.prefix + strconv.Itoa(a.next) + lettersOnly(url.Name)
	a.next++
	return alias
}

func (a *aliases) free(url subgraph.SpecURL) bool {
	alias := url.Name
	if strings.Contains(alias, "__") || strings.HasSuffix(alias, "_") || !namePattern.MatchString(alias) {
		return false
	}
	for identity := range a.self {
		if identity == url.Identity && a.self[identity][alias] || identity != url.Identity && a.other[identity][alias] {
			return false
		}
	}
	for _, f := range a.m.features {
		if f.Alias == alias {
			return false
		}
	}
	return true
}

func lettersOnly(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, name)
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// unusedPrefix returns the shortest prefix that no name has.
func (a *aliases) unusedPrefix() string {
	used := func(prefix string) bool {
		for name := range a.names {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	}
	queue := []string{""}
	for {
		alphabet := letters + digits
		if queue[0] == "" {
			alphabet = "_" + letters
		}
		for _, c := range alphabet {
			if candidate := queue[0] + string(c); used(candidate) {
				queue = append(queue, candidate)
			} else {
				return candidate
			}
		}
		queue = queue[1:]
	}
}
