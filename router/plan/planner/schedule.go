package planner

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"souk/router/plan"
	"souk/router/supergraph"
)

// schedule merges fetches without making the longest chain of dependent
// requests longer: entity fetches to one subgraph on one level become one
// request, and a fetch that nothing waits for joins a later one. For example,
//
//	level 1: entities inventory {stock}        (nothing depends on it)
//	level 1: entities product {weight}
//	level 2: entities inventory {shipping}     (requires weight)
//
// becomes one request to product and one to inventory. Fetches are returned in
// an order in which each comes after those it depends on. weigh, unless nil, may
// choose other fetches to merge.
func schedule(fetches []*fetch, weigh func([]*fetch) [][]*fetch) []*fetch {
	setLevels(fetches)
	delayToMerge(fetches)
	var groups [][]*fetch
	if weigh != nil {
		groups = weigh(fetches)
	}
	if groups != nil {
		fetches = mergeFetches(fetches, slices.Values(groups))
		resetLevels(fetches)
	} else if mayMerge(fetches) {
		fetches = mergeFetches(fetches, maps.Values(mergeGroups(fetches)))
	}
	fetches = addFallbacks(fetches)
	slices.SortStableFunc(fetches, byDependency)
	dropImplied(fetches)
	for _, f := range fetches {
		if f.selection != nil {
			f.selection.dropRedundant()
		}
		for _, e := range f.entities {
			for _, s := range e.selections {
				s.selection.dropRedundant()
			}
		}
	}
	return fetches
}

// setLevels sets the level of each fetch. Fetches must come after those they
// depend on.
func setLevels(fetches []*fetch) {
	for _, f := range fetches {
		f.level = max(f.level, f.after)
		if f.from != nil {
			f.level = max(f.level, f.from.level+f.after)
		}
		for _, d := range f.dependsOn {
			f.level = max(f.level, d.level+1)
		}
	}
}

// resetLevels sets the level of each fetch again, in whatever order they are.
func resetLevels(fetches []*fetch) {
	known := map[*fetch]bool{}
	var set func(f *fetch)
	set = func(f *fetch) {
		if known[f] {
			return
		}
		known[f], f.level = true, 0
		for _, d := range f.dependsOn {
			set(d)
			f.level = max(f.level, d.level+1)
		}
	}
	for _, f := range fetches {
		set(f)
	}
}

// byDependency orders fetches so that each comes after those it depends on.
func byDependency(a, b *fetch) int {
	fallback := func(f *fetch) int {
		if f.fallbackFor != nil {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.order, b.order), cmp.Compare(fallback(a), fallback(b)))
}

// dropImplied removes dependencies that follow from others (transitive
// reduction). The fetches must be in the order of byDependency.
func dropImplied(fetches []*fetch) {
	if !slices.ContainsFunc(fetches, func(f *fetch) bool { return len(f.dependsOn) > 1 }) {
		return
	}
	before := map[*fetch]map[*fetch]bool{}
	for _, f := range fetches {
		before[f] = map[*fetch]bool{}
		for _, d := range f.dependsOn {
			before[f][d] = true
			maps.Copy(before[f], before[d])
		}
		all := slices.Clone(f.dependsOn)
		f.dependsOn = slices.DeleteFunc(f.dependsOn, func(a *fetch) bool {
			return slices.ContainsFunc(all, func(b *fetch) bool { return before[b][a] })
		})
	}
}

// A mergeGroup identifies which entity fetches can become one request: those to the
// same subgraph, for the same payload, on the same level.
type mergeGroup struct {
	subgraph *supergraph.Subgraph
	deferID  int
	level    int
}

func groupOf(f *fetch) mergeGroup { return mergeGroup{f.subgraph, f.deferID, f.level} }

// mayMerge reports whether two fetches could become one request on some level.
func mayMerge(fetches []*fetch) bool {
	for i, f := range fetches {
		if i == maxEntries { // it would take quadratic time
			return true
		}
		if f.kind == plan.EntitiesFetch && slices.ContainsFunc(fetches[:i], func(g *fetch) bool {
			return g.kind == plan.EntitiesFetch && g.subgraph == f.subgraph && g.deferID == f.deferID
		}) {
			return true
		}
	}
	return false
}

// countMergeGroups returns the number of requests that entity fetches become.
func countMergeGroups(fetches []*fetch) (n int) {
	merge := mayMerge(fetches)
	groups := map[mergeGroup]bool{}
	for _, f := range fetches {
		if f.kind != plan.EntitiesFetch || merge && groups[groupOf(f)] {
			continue
		}
		groups[groupOf(f)] = true
		n++
	}
	return n
}

func mergeGroups(fetches []*fetch) map[mergeGroup][]*fetch {
	groups := map[mergeGroup][]*fetch{}
	for _, f := range fetches {
		if f.kind != plan.EntitiesFetch {
			continue
		}
		group := groupOf(f)
		if groups[group] == nil {
			groups[group] = make([]*fetch, 0, 4) // most have few
		}
		groups[group] = append(groups[group], f)
	}
	return groups
}

// delayToMerge moves the fetches of a group to the next level with a group of
// the same subgraph, unless another fetch would have to wait for it. It goes
// from the last level to the first, so that a group can move several times.
func delayToMerge(fetches []*fetch) {
	if !mayMerge(fetches) {
		return
	}
	last := 0
	dependents := map[*fetch][]*fetch{}
	for _, f := range fetches {
		last = max(last, f.level)
		for _, d := range f.dependsOn {
			dependents[d] = append(dependents[d], f)
		}
	}
	groups := mergeGroups(fetches)
	for level := last; level >= 0; level-- {
		done := map[mergeGroup]bool{}
		for _, f := range fetches {
			group := groupOf(f)
			if f.level != level || f.kind != plan.EntitiesFetch || done[group] {
				continue
			}
			done[group] = true
			latest := last
			for _, member := range groups[group] {
				for _, d := range dependents[member] {
					latest = min(latest, d.level-1)
				}
			}
			for to := level + 1; to <= latest; to++ {
				later := mergeGroup{f.subgraph, f.deferID, to}
				if groups[later] == nil {
					continue
				}
				for _, moved := range groups[group] {
					moved.level = to
				}
				groups[later] = append(groups[later], groups[group]...)
				delete(groups, group)
				break
			}
		}
	}
}

// mergeFetches makes one fetch of each group.
func mergeFetches(fetches []*fetch, groups iter.Seq[[]*fetch]) []*fetch {
	mergedInto := map[*fetch]*fetch{}
	for group := range groups {
		slices.SortFunc(group, byOrder)
		for _, f := range group[1:] {
			mergedInto[f] = group[0]
		}
	}
	kept := slices.DeleteFunc(slices.Clone(fetches), func(f *fetch) bool { return mergedInto[f] != nil })
	for _, f := range fetches {
		for _, e := range f.entities {
			e.inputs = replaceMerged(f.dependsOn, mergedInto)
		}
	}
	for _, f := range fetches {
		if to := mergedInto[f]; to != nil {
			to.dependsOn = append(to.dependsOn, f.dependsOn...)
			to.entities = append(to.entities, f.entities...)
		}
	}
	for _, f := range kept {
		f.dependsOn = replaceMerged(f.dependsOn, mergedInto)
		f.entities = mergeEntities(f.entities)
	}
	return kept
}

func byOrder(a, b *fetch) int { return a.order - b.order }

// replaceMerged returns, in order and without duplicates, the fetches that the
// given ones have been merged into.
func replaceMerged(fetches []*fetch, mergedInto map[*fetch]*fetch) []*fetch {
	out := slices.Clone(fetches)
	for i, f := range out {
		if to := mergedInto[f]; to != nil {
			out[i] = to
		}
	}
	slices.SortFunc(out, byOrder)
	return slices.Compact(out)
}
