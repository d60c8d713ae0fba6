package events

import (
	"encoding/json"
	"fmt"
)

// An Upcaster converts the data of an event from one version of its schema to
// the next.
type Upcaster func(data json.RawMessage) (json.RawMessage, error)

// upcast converts an event to the newest version that the consumer knows. An
// event of a newer version is not a failure: during a rollout, a replica of the
// next release, which knows it, takes over.
func (c *Consumer) upcast(e Event) (Event, error) {
	steps := c.Upcasters[e.Type]
	known := len(steps) + 1
	if e.Version > known {
		return e, Unavailable(fmt.Errorf("%s %s has schema version %d, and this program knows versions up to %d; deploy a release that knows it",
			e.Type, e.ID, e.Version, known))
	}
	for ; e.Version < known; e.Version++ {
		data, _ := e.Data.(json.RawMessage) // a received event
		converted, err := steps[e.Version-1](data)
		if err != nil {
			return e, Permanent(fmt.Errorf("converting %s %s from schema version %d: %w", e.Type, e.ID, e.Version, err))
		}
		e.Data = converted
	}
	return e, nil
}
