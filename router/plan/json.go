package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the JSON form of plans. It changes when a reader of
// the form before would misread a plan.
const Version = 1

// document is a plan as JSON.
type document struct {
	Version int `json:"version"`
	*Plan
}

// WriteJSON writes a plan as JSON, in the form of docs/query-plans.md.
func WriteJSON(w io.Writer, p *Plan) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(document{Version, p})
}

// ReadJSON reads a plan that WriteJSON has written. The text of an operation,
// in "query", may be missing; if it is there, it must be what the selections
// of its fetch print as, so that a plan does not contradict itself.
func ReadJSON(r io.Reader) (*Plan, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	p, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return p, nil
}

func decode(text []byte) (*Plan, error) {
	var version struct{ Version int }
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, err
	}
	if version.Version != Version {
		return nil, fmt.Errorf("version %d is not supported; this router reads version %d", version.Version, Version)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	doc := document{Plan: new(Plan)}
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	if doc.Plan == nil {
		return nil, errors.New("no plan")
	}
	return doc.Plan, doc.complete()
}

// complete checks that nothing is null that a plan always has, and prints the
// operations that were left out.
func (p *Plan) complete() error {
	for i, f := range p.Fetches {
		if f == nil || f.ID != i {
			return fmt.Errorf("fetches[%d] must be a fetch with the id %d", i, i)
		}
		if err := f.complete(); err != nil {
			return fmt.Errorf("fetch %d: %w", i, err)
		}
	}
	for i, d := range p.Deferred {
		if d == nil {
			return fmt.Errorf("deferred[%d] is null", i)
		}
	}
	return completeFields(p.Projection)
}

func (f *Fetch) complete() error {
	for i, e := range f.Entities {
		if e == nil {
			return fmt.Errorf("entities[%d] is null", i)
		}
	}
	query := f.GraphQL()
	if f.Query != "" && f.Query != query {
		return fmt.Errorf("the query %q is not that of the selections, which is %q; leave it out to have it printed", f.Query, query)
	}
	f.Query = query
	return nil
}

func completeFields(fields []*Field) error {
	for i, f := range fields {
		if f == nil {
			return fmt.Errorf("fields[%d] of the projection is null", i)
		}
		if err := completeFields(f.Fields); err != nil {
			return err
		}
	}
	return nil
}
