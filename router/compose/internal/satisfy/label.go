package satisfy

import (
	"slices"

	"souk/router/supergraph"
)

// An assignment says which labels of progressive overrides are active. It has
// one byte for each label of the supergraph. The labels of an operation are
// decided one by one, where they matter: a graph has to be satisfiable with
// every combination, but trying all of them would take exponential time.
type assignment string

const (
	undecided byte = '?'
	active    byte = '+'
	inactive  byte = '-'
)

// with decides a label.
func (a assignment) with(label int, value byte) assignment {
	b := []byte(a)
	b[label] = value
	return assignment(b)
}

// extends reports whether a decides the labels that other decides in the same
// way, and maybe more.
func (a assignment) extends(other assignment) bool {
	for i := range other {
		if other[i] != undecided && other[i] != a[i] {
			return false
		}
	}
	return true
}

// decided counts the labels that are decided.
func (a assignment) decided() (n int) {
	for i := range a {
		if a[i] != undecided {
			n++
		}
	}
	return n
}

// names lists the labels with a value.
func (a assignment) names(labels []supergraph.Label, value byte) (names []string) {
	for i := range a {
		if a[i] == value {
			names = append(names, labels[i].Name)
		}
	}
	return names
}

// resolves reports whether a subgraph resolves a field that it declares, under
// an assignment. While a label is undecided, neither of the two subgraphs of its
// override resolves the field, and the label is added to those that matter.
func (r *reader) resolves(in *supergraph.FieldIn, labels assignment) bool {
	if in.External && in.Requires == nil {
		return false
	}
	if o := in.Overridden; o != nil && (o.Label == "" || r.value(o.Label, labels) != inactive) {
		return false
	}
	if o := in.Override; o != nil && o.Label != "" && r.value(o.Label, labels) != active {
		return false
	}
	return true
}

// value returns the value of a label, and notes that it matters if it is
// undecided.
func (r *reader) value(label string, labels assignment) byte {
	i := r.labelIndex[label]
	if labels[i] == undecided {
		r.note(i)
	}
	return labels[i]
}

func (r *reader) note(labels ...int) {
	for _, i := range labels {
		if !slices.Contains(r.matter, i) {
			r.matter = append(r.matter, i)
		}
	}
}

// noted runs a function and returns the undecided labels that mattered in it.
func (r *reader) noted(run func()) []int {
	outer := r.matter
	r.matter = nil
	run()
	inner := r.matter
	r.matter = outer
	r.note(inner...)
	return inner
}

// A possibility is a set that is reached if labels are as assigned.
type possibility struct {
	labels  assignment
	reached *set
}

// possibilities evaluates a set under an assignment. If undecided labels change
// the set, it decides them, both ways.
func (r *reader) possibilities(labels assignment, evaluate func(assignment) *set) []possibility {
	var reached *set
	matter := r.noted(func() { reached = evaluate(labels) })
	for _, label := range matter {
		on, off := labels.with(label, active), labels.with(label, inactive)
		if evaluate(on) != reached || evaluate(off) != reached {
			return append(r.possibilities(on, evaluate), r.possibilities(off, evaluate)...)
		}
	}
	return []possibility{{labels, reached}}
}

// compatible reports whether no label is active in one assignment and inactive
// in the other.
func (a assignment) compatible(other assignment) bool {
	for i := range a {
		if a[i] != undecided && other[i] != undecided && a[i] != other[i] {
			return false
		}
	}
	return true
}

// merge decides the labels of a and, where it does not, those of other.
func (a assignment) merge(other assignment) assignment {
	b := []byte(a)
	for i := range b {
		if b[i] == undecided {
			b[i] = other[i]
		}
	}
	return assignment(b)
}
