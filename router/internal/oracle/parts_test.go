package oracle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"souk/router/execute"
	"souk/router/internal/oracle"
	"souk/router/introspect"
	"souk/router/plan"
)

// parts assembles the response from incremental delivery payloads.
type parts struct {
	data    any
	errors  []oracle.FieldError
	pending map[string][]any
}

// deliver returns the response to a request with @defer.
func (r *router) deliver(t *testing.T, request *execute.Request) *parts {
	t.Helper()
	p := &parts{pending: map[string][]any{}}
	more := true
	err := r.executor.Deliver(t.Context(), request, func(response *execute.Response) error {
		defer response.Release()
		if !more {
			return fmt.Errorf("a payload after the last one: %s", response.Body)
		}
		more = response.More
		if err := p.receive(response.Body); err != nil {
			return fmt.Errorf("%w: %s", err, response.Body)
		}
		return nil
	})
	if err == nil && (more || len(p.pending) > 0) {
		err = fmt.Errorf("pending payloads are missing: %v", p.pending)
	}
	if err != nil {
		t.Error(err)
	}
	return p
}

func (p *parts) receive(body []byte) error {
	var response struct {
		Data    any
		Errors  []oracle.FieldError
		Pending []struct {
			ID   string
			Path []any
		}
		Incremental []struct {
			ID      string
			SubPath []any
			Data    map[string]any
			Errors  []oracle.FieldError
		}
		Completed []struct {
			ID     string
			Errors []oracle.FieldError
		}
	}
	if err := decode(body, &response); err != nil {
		return err
	}
	if p.data == nil {
		p.data = response.Data
	}
	p.errors = append(p.errors, response.Errors...)
	for _, pending := range response.Pending {
		p.pending[pending.ID] = pending.Path
	}
	for _, i := range response.Incremental {
		path, ok := p.pending[i.ID]
		if !ok {
			return fmt.Errorf("data for %s, which is not pending", i.ID)
		}
		into, ok := at(p.data, append(path[:len(path):len(path)], i.SubPath...)).(map[string]any)
		if !ok {
			return fmt.Errorf("data for %v %v, where there is no object", path, i.SubPath)
		}
		for key, value := range i.Data {
			if _, twice := into[key]; twice {
				return fmt.Errorf("%s is delivered twice", key)
			}
			into[key] = value
		}
		p.errors = append(p.errors, i.Errors...)
	}
	for _, done := range response.Completed {
		p.errors = append(p.errors, done.Errors...)
		delete(p.pending, done.ID)
	}
	return nil
}

// at returns the value at a path of keys and indices.
func at(value any, path []any) any {
	for _, element := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[element.(string)]
		case []any:
			index, _ := element.(json.Number).Int64()
			value = v[index]
		}
	}
	return value
}

// is reports whether the assembled response equals the expected one, except for the order
// of fields.
func (p *parts) is(t *testing.T, whole []byte) bool {
	t.Helper()
	var want any
	if err := decode(whole, &want); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(p.data, want)
}

// decode decodes JSON and keeps numbers as they are written.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// TestPartsOfRandomOperationsAreBounded sends operations with @defer to executors with a limit. No part is
// longer, and all parts together are a response in their format, whatever does not fit.
func TestPartsOfRandomOperationsAreBounded(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+8; seed++ {
		subgraphs := oracle.Split(seed)
		sdl, err := supergraphOf(t.Context(), subgraphs)
		if err != nil {
			continue // the subgraphs do not compose
		}
		r := newRouter(t, sdl, oracle.Options{Seed: seed, Subgraphs: subgraphs, Faults: seed%2 == 0})
		rng := rand.New(rand.NewPCG(seed, 4))
		for sent := 0; sent < 60; {
			op := r.world.Generate(rng.IntN)
			document, err := r.schema.Parse(op.Query, "")
			if err != nil {
				continue // conflicting fields
			}
			variables, err := document.Variables(op.Variables)
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.plan(document.Operation(variables))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Deferred) == 0 {
				continue
			}
			sent++
			// At least an error with its path, and what surrounds it.
			r.checkBounded(t, op, p, &execute.Request{Variables: variables, Internals: true}, 500+rng.IntN(1000))
		}
	}
}

func (r *router) checkBounded(t *testing.T, op oracle.Operation, p *plan.Plan, request *execute.Request, limit int) {
	t.Helper()
	executor := execute.New(execute.Options{Transport: transport{r.world}, Introspect: introspect.New(r.schema).Answer, MaxResponseBytes: limit})
	var err error
	if request.Program, err = executor.Compile(p); err != nil {
		t.Fatal(err)
	}
	for _, format := range []execute.Incremental{execute.Pending, execute.Fragments} {
		request.Incremental = format
		pending, fragment := &parts{pending: map[string][]any{}}, &fragments{seen: map[string]bool{}}
		more := true
		err := executor.Deliver(t.Context(), request, func(response *execute.Response) error {
			defer response.Release()
			if len(response.Body) > limit {
				return fmt.Errorf("a part has %d bytes: %s", len(response.Body), response.Body)
			}
			if more = response.More; format == execute.Fragments {
				return fragment.receive(response.Body, more, false)
			}
			return pending.receive(response.Body)
		})
		if err != nil || more || len(pending.pending) > 0 {
			t.Errorf("operation %s\nvariables %s\nlimit %d: %v, more: %t, pending: %v", op.Query, op.Variables, limit, err, more, pending.pending)
		}
	}
}
