package gateway

import (
	"time"

	"souk/router/console/record"
	"souk/router/supergraph"
)

// recordReload records that a supergraph replaced another one, or was refused. The first one
// is no reload: old is nil.
func (gw *Gateway) recordReload(began time.Time, took time.Duration, old, next *snapshot, err error) {
	if gw.options.Recorder == nil || old == nil {
		return
	}
	one := record.Reload{Time: began, Kind: "supergraph", Outcome: "applied", Duration: took}
	if err == nil {
		one.Changes, err = changes(old.sdl, next.sdl)
	}
	switch {
	case err != nil:
		one.Outcome, one.Reason = "refused", err.Error()
	case len(one.Changes) == 0:
		one.Outcome = "unchanged"
	}
	gw.options.Recorder.Reloaded(one)
}

// changes returns the differences between the SDL of two supergraphs. It fails if one is no
// supergraph.
func changes(old, next string) ([]record.Change, error) {
	if old == next {
		return nil, nil
	}
	list, err := supergraph.Diff(old, next)
	if err != nil {
		return nil, err
	}
	out := make([]record.Change, len(list))
	for i, d := range list {
		one := record.Change{Kind: "changed", What: d.Element, Detail: d.Old + " → " + d.New}
		switch {
		case d.Added:
			one.Kind, one.Detail = "added", d.New
		case d.Removed:
			one.Kind, one.Detail = "removed", d.Old
		case d.Old == d.New:
			one.Detail = d.New + " (credentials or query changed)"
		}
		out[i] = one
	}
	return out, nil
}
