package config

import (
	"fmt"
	"maps"
	"slices"

	"souk/router/internal/yamlfile"
	"souk/router/subgraph"
)

// SubgraphURLs has the URLs of subgraphs by name: one each, or several URLs of the same service.
type SubgraphURLs map[string]yamlfile.OneOrMore

// Of returns the URLs of a subgraph. url is the one in the supergraph.
func (u SubgraphURLs) Of(name, url string) []string {
	if urls := u[name]; len(urls) > 0 && urls[0] != "" {
		return urls
	}
	return []string{url}
}

// check rejects lists of URLs that cannot be used together.
func (u SubgraphURLs) check(key string, add addFunc) {
	for _, name := range slices.Sorted(maps.Keys(u)) {
		at := key + "." + name
		add(u[name] != nil && len(u[name]) == 0, at, at+" is an empty list; it must have a URL")
		err := subgraph.CheckURLs(u[name])
		add(err != nil, at, fmt.Sprintf("%s: %v", at, err))
	}
}
