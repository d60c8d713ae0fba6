package merge

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// mergeArguments merges the arguments of several applications of a directive.
func mergeArguments(spec *subgraph.DirectiveSpec, lists [][]schema.Argument) []schema.Argument {
	var merged []schema.Argument
	for _, a := range spec.Strategies() {
		var values []*schema.Value
		for _, list := range lists {
			for _, given := range list {
				if given.Name == a.Name && !given.Value.IsNull() {
					values = append(values, given.Value)
				}
			}
		}
		if len(values) > 0 {
			merged = append(merged, schema.Argument{Name: a.Name, Value: strategies[a.Strategy](values)})
		}
	}
	return merged
}

func describeStrategies(spec *subgraph.DirectiveSpec) string {
	var all []string
	for _, a := range spec.Strategies() {
		all = append(all, a.Name+" by "+a.Strategy)
	}
	return strings.Join(all, ", ")
}

// strategies merge the values of an argument that are given.
var strategies = map[string]func([]*schema.Value) *schema.Value{
	"MAX":             maximum,
	"NULLABLE_MAX":    maximum,
	"NULLABLE_UNION":  union,
	"NULLABLE_AND":    conjunction,
	"DNF_CONJUNCTION": func(values []*schema.Value) *schema.Value { return fromDNF(conjoin(toDNFs(values))) },
}

func maximum(values []*schema.Value) *schema.Value {
	return slices.MaxFunc(values, func(a, b *schema.Value) int {
		x, _ := strconv.ParseFloat(a.Raw, 64)
		y, _ := strconv.ParseFloat(b.Raw, 64)
		return cmp.Compare(x, y)
	})
}

func union(values []*schema.Value) *schema.Value {
	var all []*schema.Value
	for _, v := range values {
		for _, text := range v.Texts() {
			if !slices.ContainsFunc(all, func(other *schema.Value) bool { return other.Raw == text }) {
				all = append(all, schema.Text(text))
			}
		}
	}
	return schema.List(all...)
}

func conjunction(values []*schema.Value) *schema.Value {
	return schema.Bool(!slices.ContainsFunc(values, (*schema.Value).IsFalse))
}

// A dnf is a condition: one of its lists must hold, of which all members must hold.
type dnf [][]string

// toDNF reads a condition. A single value stands for a list, and no list for a
// condition that always holds.
func toDNF(v *schema.Value) dnf {
	if v.IsText() {
		return dnf{{v.Raw}}
	}
	var all dnf
	for _, item := range v.List {
		all = append(all, item.Texts())
	}
	return all.orTrue()
}

func (d dnf) orTrue() dnf {
	if len(d) == 0 {
		return dnf{nil}
	}
	return d
}

func toDNFs(values []*schema.Value) []dnf {
	all := make([]dnf, len(values))
	for i, v := range values {
		all[i] = toDNF(v)
	}
	return all
}

func fromDNF(d dnf) *schema.Value {
	lists := make([]*schema.Value, len(d))
	for i, list := range d {
		items := make([]*schema.Value, len(list))
		for j, text := range list {
			items[j] = schema.Text(text)
		}
		lists[i] = schema.List(items...)
	}
	return schema.List(lists...)
}

// conjoin returns the condition under which all conditions hold.
func conjoin(conditions []dnf) dnf {
	var different []dnf
	for _, d := range conditions {
		sorted := make(dnf, len(d))
		for i, list := range d {
			sorted[i] = slices.Sorted(slices.Values(list))
		}
		slices.SortFunc(sorted, func(a, b []string) int { return cmp.Compare(strings.Join(a, "\x00"), strings.Join(b, "\x00")) })
		if !slices.ContainsFunc(different, func(other dnf) bool { return slices.EqualFunc(other, sorted, slices.Equal[[]string]) }) {
			different = append(different, sorted)
		}
	}
	if len(different) == 0 {
		return dnf{nil}
	}
	result := different[0]
	for _, d := range different[1:] {
		var product dnf
		for _, a := range result {
			for _, b := range d {
				product = append(product, slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b)))))
			}
		}
		result = minimal(product)
	}
	return result
}

// minimal removes lists that contain another.
func minimal(d dnf) dnf {
	slices.SortStableFunc(d, func(a, b []string) int { return len(a) - len(b) })
	var kept dnf
	for _, list := range d {
		if !slices.ContainsFunc(kept, func(shorter []string) bool { return contains(list, shorter) }) {
			kept = append(kept, list)
		}
	}
	return kept
}

// contains reports whether a list has all members of another.
func contains(list, all []string) bool {
	return !slices.ContainsFunc(all, func(s string) bool { return !slices.Contains(list, s) })
}

// implies reports whether a condition holds only if another holds.
func (d dnf) implies(other dnf) bool {
	return !slices.ContainsFunc(d.orTrue(), func(list []string) bool {
		return !slices.ContainsFunc(other.orTrue(), func(needed []string) bool { return contains(list, needed) })
	})
}
