package config

import (
	"fmt"

	"souk/router/subgraph"
)

// check adds the invalid rules.
func (h Headers) check(add addFunc) {
	h.All.check("headers.all", add)
	for name, rules := range h.Subgraphs {
		rules.check("headers.subgraphs."+name, add)
	}
}

func (r HeaderRules) check(key string, add addFunc) {
	for i, name := range r.Propagate {
		at, err := fmt.Sprintf("%s.propagate[%d]", key, i), subgraph.CheckPropagated(name)
		add(err != nil, at, fmt.Sprintf("%s: the header %q cannot be propagated: %v", at, name, err))
	}
	for name, value := range r.Set {
		at, err := key+".set."+name, subgraph.CheckSet(name, value)
		add(err != nil, at, fmt.Sprintf("%s: this header cannot be set: %v", at, err))
	}
}
