package eventsource

import (
	"encoding/json"
	"testing"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/supergraph"
)

// small is a supergraph with one event stream.
const small = `
	schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) @link(url: "https://souk.dev/events/v1.0", import: ["@eventStream"]) { query: Query subscription: Subscription }
	directive @eventStream(provider: String!, topic: String!) on FIELD_DEFINITION
	enum join__Graph { A @join__graph(name: "a", url: "") }
	scalar Any @join__type(graph: A)
	type Query @join__type(graph: A) { a: Int }
	type Subscription @join__type(graph: A) { node(at: Any = {x: [1, "2", true, null, E]}): Node @eventStream(provider: "p", topic: "t", filter: "event.n == args.n || 1 == 1", payload: "id __typename") }
	interface Node @join__type(graph: A) { id: ID! }
	type T implements Node @join__type(graph: A) @join__implements(graph: A, interface: "Node") { id: ID! n: Int list: [[T]] any: Any }`

// Whatever an event holds, the response is JSON, or there is none.
func FuzzEvent(f *testing.F) {
	model, err := supergraph.Parse(small)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := compile(model, map[string]Source{"p": &Redis{}}); err == nil {
		f.Fatal("the filter names an argument that the field has not, and no error says so")
	}
	model.Subscription.Field("node").Events.Filter = ""
	s, err := compile(model, map[string]Source{"p": &Redis{}})
	if err != nil {
		f.Fatal(err)
	}
	body := execute.NewBuffer(0)
	body.B = append(body.B, `{"query":"subscription($v:Any){x:node(at:$v){__typename id ...on T{a:n b:n list{id list{id}}any ...F}}}fragment F on Node{id}"}`...)
	request, err := s.read(&execute.SubgraphRequest{Subgraph: "a", Kind: operation.Subscription, Body: body})
	if err != nil || request == nil {
		f.Fatalf("got %v, %v", request, err)
	}
	f.Add(`{"__typename":"T","id":1,"n":2.5e3,"list":[[{"__typename":"T","id":"2"}],null,[3]],"any":{"a":[1,"<"]}}`)
	f.Add(`{"__typename":"Query"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		event, err := decode([]byte(text))
		if err != nil {
			return
		}
		out, err := (&projection{streams: s, request: request}).response(nil, event)
		if err == nil && !json.Valid(out) {
			t.Errorf("%s becomes %s", text, out)
		}
	})
}

// A cursor that can be parsed is in order with itself and with the event after it.
func FuzzCursor(f *testing.F) {
	f.Add("1700000000000-3")
	f.Add("17")
	f.Add("0:17,1:4")
	f.Fuzz(func(t *testing.T, cursor string) {
		if id, ok := parseEntryID(cursor); ok && id.before(id) {
			t.Errorf("%q is before itself", cursor)
		}
		o, ok := parseOffsets(cursor)
		if !ok {
			return
		}
		again, ok := parseOffsets(o.String())
		if !ok || again.String() != o.String() {
			t.Errorf("%q becomes %q", cursor, o)
		}
		var k Kafka
		for p, offset := range o {
			if e := (&Event{ID: offsets{p: offset}.String()}); offset < 1<<62 && k.Advance(o.String(), e) == o.String() {
				t.Errorf("%q does not advance by %s", o, e.ID)
			}
			if offset > 0 {
				if e := (&Event{ID: offsets{p: offset - 1}.String()}); k.Advance(o.String(), e) != o.String() {
					t.Errorf("%q advances by %s", o, e.ID)
				}
			}
		}
	})
}
