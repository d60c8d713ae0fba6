package events

import (
	"cmp"
	"slices"
)

// merge joins the reports of services. They share streams, which several of them report. A
// report that is broken or hostile must not exceed the bounds either, so merge applies them.
func merge(reports []Report) Report {
	all := Report{Outbox: []Outbox{}}
	for _, r := range reports {
		if r.reports() && all.Streams == nil {
			all.Streams, all.Dead = []Stream{}, []DeadLetter{}
		}
		all.Outbox = append(all.Outbox, r.Outbox...)
		all.Dead = append(all.Dead, r.Dead[:min(len(r.Dead), MaxDeadLetters)]...)
		for _, s := range r.Streams {
			all.addStream(s)
		}
		if all.Orders == nil {
			all.Orders = r.Orders
		}
	}
	slices.SortFunc(all.Outbox, func(a, b Outbox) int { return cmp.Compare(a.Service, b.Service) })
	slices.SortFunc(all.Streams, func(a, b Stream) int { return cmp.Compare(a.Name, b.Name) })
	newestFirst(all.Dead)
	return all
}

func newestFirst(dead []DeadLetter) {
	slices.SortStableFunc(dead, func(a, b DeadLetter) int { return b.Time.Compare(a.Time) })
}

// remember adds the dead letters of an earlier report for services that do not report now:
// they stay until they are retried.
func (r *Report) remember(before []DeadLetter) {
	for _, d := range before {
		if slices.ContainsFunc(r.Outbox, func(o Outbox) bool { return o.Service == d.Service && o.Error != nil }) {
			r.Dead = append(r.Dead, d)
		}
	}
	newestFirst(r.Dead)
}

// addStream adds what another service knows of a stream. Services read it at slightly
// different times; the first report counts.
func (r *Report) addStream(s Stream) {
	i := slices.IndexFunc(r.Streams, func(known Stream) bool { return known.Name == s.Name })
	if i < 0 {
		r.Streams = append(r.Streams, s)
		return
	}
	known := &r.Streams[i]
	for _, g := range s.Groups {
		if !slices.ContainsFunc(known.Groups, func(k Group) bool { return k.Name == g.Name }) {
			known.Groups = append(known.Groups, g)
		}
	}
}
