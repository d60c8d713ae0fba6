package events

import (
	"cmp"
	"slices"
)

// merge joins the reports of services. They share streams, which several of them report. A
// report that is broken or hostile must not exceed the bounds either, so merge applies them.
func merge(reports []Report) Report {
	all := Report{Outbox: []Outbox{}, Streams: []Stream{}, Dead: []DeadLetter{}}
	for _, r := range reports {
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
	slices.SortStableFunc(all.Dead, func(a, b DeadLetter) int { return b.Time.Compare(a.Time) })
	return all
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
