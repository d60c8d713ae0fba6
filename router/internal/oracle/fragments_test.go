package oracle_test

import (
	"fmt"
	"reflect"
	"testing"

	"souk/router/execute"
	"souk/router/internal/oracle"
)

// fragments assembles the response from incremental delivery in the format of August
// 2022, like its clients: each fragment is merged into the object at its path.
type fragments struct {
	data any
	// seen are the paths and labels of the fragments received.
	seen map[string]bool
}

// checkFragments compares the response assembled from the format of August 2022 with
// the expected response. If there are errors, that format can have null for a fragment
// or an enclosing object where another payload delivers data. Then only the structure
// is checked.
func (r *router) checkFragments(t *testing.T, op oracle.Operation, request execute.Request, want oracle.Result) bool {
	t.Helper()
	request.Incremental = execute.Fragments
	f := &fragments{seen: map[string]bool{}}
	more := true
	err := r.executor.Deliver(t.Context(), &request, func(response *execute.Response) error {
		defer response.Release()
		if !more {
			return fmt.Errorf("a payload after the last one: %s", response.Body)
		}
		more = response.More
		if err := f.receive(response.Body, more, len(want.Errors) == 0); err != nil {
			return fmt.Errorf("%w: %s", err, response.Body)
		}
		return nil
	})
	if err == nil && more {
		err = fmt.Errorf("the last payload is missing")
	}
	if err != nil {
		t.Errorf("operation %s\nvariables %s: %v", op.Query, op.Variables, err)
		return false
	}
	if len(want.Errors) > 0 {
		return true
	}
	var whole any
	if err := decode(want.Data, &whole); err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(f.data, whole) {
		return true
	}
	t.Errorf("operation %s\nvariables %s\ngot  %v\nwant %v", op.Query, op.Variables, f.data, whole)
	return false
}

func (f *fragments) receive(body []byte, more, strict bool) error {
	var response struct {
		Data        any
		Incremental []struct {
			Data  map[string]any
			Path  []any
			Label string
		}
		HasNext *bool
		Pending any
	}
	if err := decode(body, &response); err != nil {
		return err
	}
	if response.HasNext == nil && more || response.HasNext != nil && *response.HasNext != more || response.Pending != nil {
		return fmt.Errorf("wrong hasNext or pending")
	}
	if f.data == nil {
		f.data = response.Data
	}
	for _, i := range response.Incremental {
		if key := fmt.Sprint(i.Path, i.Label); i.Label != "" && f.seen[key] {
			return fmt.Errorf("the fragment %s is delivered twice", key)
		}
		f.seen[fmt.Sprint(i.Path, i.Label)] = true
		if !strict {
			continue
		}
		into, ok := at(f.data, i.Path).(map[string]any)
		if !ok || i.Data == nil {
			return fmt.Errorf("no object at %v", i.Path)
		}
		if err := merge(into, i.Data); err != nil {
			return err
		}
	}
	return nil
}

// merge merges the values of one object into another. Values that both have must be
// equal.
func merge(into, from map[string]any) error {
	for key, value := range from {
		was, there := into[key]
		if !there {
			into[key] = value
			continue
		}
		if err := mergeValue(was, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func mergeValue(into, from any) error {
	switch from := from.(type) {
	case map[string]any:
		if into, ok := into.(map[string]any); ok {
			return merge(into, from)
		}
	case []any:
		if into, ok := into.([]any); ok && len(into) == len(from) {
			for i := range from {
				if err := mergeValue(into[i], from[i]); err != nil {
					return err
				}
			}
			return nil
		}
	default:
		if reflect.DeepEqual(into, from) {
			return nil
		}
	}
	return fmt.Errorf("%v is delivered again as %v", into, from)
}
