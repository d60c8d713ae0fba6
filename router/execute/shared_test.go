package execute_test

import (
	"context"
	"testing"

	"souk/router/execute"
)

// ordered is a transport that holds the responses of some fetches until others
// have been sent.
type ordered struct {
	canned
	asked map[string]chan struct{}
	after map[string]string
}

func (o *ordered) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	n := step(r.Body.B)
	close(o.asked[n])
	if before, ok := o.after[n]; ok {
		<-o.asked[before]
	}
	return o.canned.Send(ctx, r)
}

// Two fetches write below one entity that occurs twice. Data that other fetches
// add below it in the meantime reaches both occurrences, in any order.
func TestSharedObjectsKeepBothWrites(t *testing.T) {
	const text = `
query Query
fetch a : { all { __typename id } }
entities b dependsOn 0
  _entities r @all P{id} : { c { id } }
entities d dependsOn 0
  _entities r @all P{id} : { c { x } }
entities e dependsOn 1
  _entities r @all.c C{id} : { y }
entities f dependsOn 2
  _entities r @all.c C{x} : { z }
projection { all:[P] { c:C { x:Int y:Int z:Int } } }`
	for name, after := range map[string]map[string]string{
		"second fetch during the third": {"2": "3", "3": "4"},
		"first fetch during the fourth": {"1": "4", "4": "3"},
	} {
		t.Run(name, func(t *testing.T) {
			transport := &ordered{
				canned: canned{t: t, answers: map[string]string{
					"0": `{"data":{"all":[{"__typename":"P","id":"1"},{"__typename":"P","id":"1"}]}}`,
					"1": `{"data":{"_entities":[{"c":{"id":"9"}}]}}`,
					"2": `{"data":{"_entities":[{"c":{"x":1}}]}}`,
					"3": `{"data":{"_entities":[{"y":2}]}}`,
					"4": `{"data":{"_entities":[{"z":3}]}}`,
				}},
				asked: map[string]chan struct{}{}, after: after,
			}
			for _, n := range []string{"0", "1", "2", "3", "4"} {
				transport.asked[n] = make(chan struct{})
			}
			response := execute.New(execute.Options{Transport: transport}).Execute(t.Context(), &execute.Request{Program: compile(t, text)})
			defer response.Release()
			if want := `{"data":{"all":[{"c":{"x":1,"y":2,"z":3}},{"c":{"x":1,"y":2,"z":3}}]}}`; string(response.Body) != want {
				t.Errorf("got %s\nwant %s", response.Body, want)
			}
		})
	}
}
