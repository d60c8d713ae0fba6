package eventsource_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/redis/go-redis/v9"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// fromStart asks for all events that a Redis stream has.
const fromStart = "Last-Event-ID: 0-0"

// An event holds the key of an entity and what else its subgraph declares. The rest is fetched
// from other subgraphs.
func TestEventsAreCompletedBySubgraphs(t *testing.T) {
	s := open(t, options{})
	id := s.add(t, "orders.7", `{"id":7,"total":3,"unknown":true}`)
	sub := s.subscribe(t, `subscription { changed: orderChanged(id: 7) { __typename number: id total status } }`, fromStart)
	m := sub.expect(`{"data":{"changed":{"__typename":"Order","number":"7","total":3,"status":"PAID"}}}`)
	if m.id != id || m.name != "next" {
		t.Errorf("got the event %q with the ID %q, want %q", m.name, m.id, id)
	}
	if got := s.asked(); len(got) != 1 || !strings.Contains(got[0], `"id":"7"`) || strings.Contains(got[0], "total") {
		t.Errorf("the subgraph was asked %v", got)
	}
	s.add(t, "orders.8", `{"id":"8"}`)
	s.add(t, "orders.7", `{"id":"7"}`)
	sub.expect(`{"data":{"changed":{"__typename":"Order","number":"7","total":null,"status":"PAID"}}}`)
}

// The __typename of an event says which member of a union it is.
func TestEventsOfAUnion(t *testing.T) {
	s := open(t, options{})
	s.add(t, "shipped", `{"__typename":"Parcel","code":"a"}`, `{"code":"none"}`, `{"__typename":"Query"}`, `no JSON`, `[]`, `{"__typename":"Order","id":"1"}`)
	sub := s.subscribe(t, `subscription { shipped { ... on Parcel { code weight } ... on Order { id status } } }`, fromStart)
	sub.expect(`{"data":{"shipped":{"code":"a","weight":7}}}`)
	sub.expect(`{"data":{"shipped":{"id":"1","status":"PAID"}}}`)
	if got := s.metric(t, `souk_router_events_total{provider="shop",result="invalid",topic="shipped"}`); got != 4 {
		t.Errorf("%v events are counted as invalid, want 4", got)
	}
}

// A client that reconnects gets the events after the last one it has got.
func TestLastEventIDContinues(t *testing.T) {
	s := open(t, options{})
	const query = `subscription { orderChanged(id: "1") { id total } }`
	for i := range 3 {
		s.add(t, "orders.1", fmt.Sprintf(`{"id":"1","total":%d}`, i))
	}
	first := s.subscribe(t, query, fromStart)
	first.expect(`{"data":{"orderChanged":{"id":"1","total":0}}}`)
	last := first.expect(`{"data":{"orderChanged":{"id":"1","total":1}}}`)
	first.body.Close()
	for i := 3; i < 300; i++ {
		s.add(t, "orders.1", fmt.Sprintf(`{"id":"1","total":%d}`, i))
	}
	again := s.subscribe(t, query, "Last-Event-ID: "+last.id)
	for i := 2; i < 300; i++ {
		again.expect(fmt.Sprintf(`{"data":{"orderChanged":{"id":"1","total":%d}}}`, i))
	}
	s.add(t, "orders.1", `{"id":"1","total":300}`)
	again.expect(`{"data":{"orderChanged":{"id":"1","total":300}}}`)
}

// Without Last-Event-ID, a subscription begins with the next event, also if it joins others.
func TestSubscriptionBeginsWithNextEvent(t *testing.T) {
	s := open(t, options{})
	const query = `subscription { orders { id } }`
	s.add(t, "orders", `{"id":"past","status":"NEW"}`)
	var subs []*subscription
	for i := range 3 {
		sub := s.subscribe(t, query, fmt.Sprintf("Authorization: caller %d", i))
		subs = append(subs, sub)
		// Events arrive once the subscription has begun.
		for ready := false; !ready; {
			s.add(t, "orders", `{"id":"warm","status":"NEW"}`)
			select {
			case m := <-sub.messages:
				ready = true
				if strings.Contains(m.data, "past") {
					t.Fatal("it gets an event from before it began")
				}
			default:
			}
		}
	}
	if got := s.metric(t, `souk_router_event_subscribers_active{provider="shop",topic="orders"}`); got < 1 {
		t.Errorf("%v subscribers are counted", got)
	}
	blocked := strings.Count(s.redis.Client.ClientList(t.Context()).Val(), "cmd=xread")
	if blocked != 1 {
		t.Errorf("%d connections wait for events of one topic, want 1", blocked)
	}
	s.add(t, "orders", `{"id":"end","status":"NEW"}`)
	for _, sub := range subs {
		for m := sub.next(); !strings.Contains(m.data, "end"); m = sub.next() {
			if !strings.Contains(m.data, "warm") || m.id == "" {
				t.Errorf("got %+v", m)
			}
		}
	}
}

// A Last-Event-ID that is not an ID is an error with its own code, and so is one that the stream has
// not reached, or whose successors have been trimmed away.
func TestLastEventIDThatCannotBeUsed(t *testing.T) {
	s := open(t, options{})
	first := s.add(t, "orders.1", `{"id":"1"}`)
	for range 9 {
		s.add(t, "orders.1", `{"id":"1"}`)
	}
	if err := s.redis.Client.XTrimMaxLen(t.Context(), "orders.1", 2).Err(); err != nil {
		t.Fatal(err)
	}
	for id, code := range map[string]string{
		"x": "INVALID_LAST_EVENT_ID", "1": "INVALID_LAST_EVENT_ID", "99999999999999-0": "EVENTS_LOST", "1-1 ?": "INVALID_LAST_EVENT_ID", strings.Repeat("9", 5000): "INVALID_LAST_EVENT_ID",
		"0-0": "EVENTS_LOST", first: "EVENTS_LOST",
	} {
		sub := s.subscribe(t, `subscription { orderChanged(id: 1) { id } }`, "Last-Event-ID: "+id)
		m := sub.next()
		if !strings.Contains(m.data, `"code":"`+code+`"`) || strings.Contains(m.data, `"data"`) || !strings.Contains(m.data, "Subscribe again") && !strings.Contains(m.data, "subscribe again") {
			t.Errorf("%q: got %+v", id, m)
		}
		if m := sub.next(); m.name != "complete" {
			t.Errorf("%q: got %+v after the error", id, m)
		}
	}
}

// The filter compares fields of the event with arguments.
func TestFilter(t *testing.T) {
	s := open(t, options{})
	s.add(t, "orders", `{"id":"1","total":5,"status":"NEW"}`, `{"id":"2","total":20,"status":"NEW"}`, `{"id":"3","total":30,"status":"SENT"}`, `{"id":"4","total":40,"status":"PAID"}`)
	expect := func(query string, ids ...string) {
		t.Helper()
		sub := s.subscribe(t, query, fromStart)
		for _, id := range ids {
			sub.expect(`{"data":{"orders":{"id":"` + id + `"}}}`)
		}
	}
	expect(`subscription { orders { id } }`, "1", "2", "4")
	expect(`subscription { orders(minTotal: 10) { id } }`, "2", "4")
	expect(`subscription { orders(minTotal: 10, statuses: ["SENT", "PAID"]) { id } }`, "3", "4")
	if got := s.metric(t, `souk_router_events_total{provider="shop",result="filtered",topic="orders"}`); got < 3 {
		t.Errorf("%v events are counted as filtered", got)
	}
}

// Values that could select another topic are rejected.
func TestArgumentsInTopics(t *testing.T) {
	s := open(t, options{})
	for _, value := range []string{"", "a.b", "a:b", "*", ">", "{x}", "a b", "ä", "a\\n", strings.Repeat("x", 129)} {
		m := s.subscribe(t, `subscription { orderChanged(id: "`+value+`") { id } }`).next()
		if !strings.Contains(m.data, `"code":"BAD_USER_INPUT"`) || !strings.Contains(m.data, "The argument id") {
			t.Errorf("%q: got %s", value, m.data)
		}
	}
	s.add(t, "orders.T3JkZXI6MQ==", `{"id":"1"}`)
	s.subscribe(t, `subscription { orderChanged(id: "T3JkZXI6MQ==") { id } }`, fromStart).expect(`{"data":{"orderChanged":{"id":"1"}}}`)
}

// A connection that breaks, and a Redis that restarts, cost no event.
func TestNoEventIsLostWhileRedisIsAway(t *testing.T) {
	s := open(t, options{redis: redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}}})
	s.add(t, "orders.1", `{"id":"1","total":0}`)
	sub := s.subscribe(t, `subscription { orderChanged(id: 1) { total } }`, fromStart)
	sub.expect(`{"data":{"orderChanged":{"total":0}}}`)
	if err := s.redis.Client.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	s.add(t, "orders.1", `{"id":"1","total":1}`)
	sub.expect(`{"data":{"orderChanged":{"total":1}}}`)
	s.redis.Kill()
	s.redis.Restart()
	s.add(t, "orders.1", `{"id":"1","total":2}`)
	sub.expect(`{"data":{"orderChanged":{"total":2}}}`)
	if got := s.metric(t, `souk_router_event_reconnects_total{provider="shop",topic="orders.{args.id}"}`); got < 2 {
		t.Errorf("%v reconnects are counted, want 2 or more", got)
	}
}

// Events that are trimmed away before the router has read them end the subscription with an
// error, because the client would not notice.
func TestEventsTrimmedWhileRedisIsAway(t *testing.T) {
	s := open(t, options{redis: redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}}})
	s.add(t, "orders.1", `{"id":"1","total":0}`)
	sub := s.subscribe(t, `subscription { orderChanged(id: 1) { total } }`, fromStart)
	sub.expect(`{"data":{"orderChanged":{"total":0}}}`)
	pipe := s.redis.Client.TxPipeline()
	ctx := context.WithoutCancel(t.Context())
	pipe.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes")
	for i := range 10 {
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: "orders.1", MaxLen: 2, Values: []string{"data", fmt.Sprintf(`{"id":"1","total":%d}`, i+1)}})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if m := sub.next(); !strings.Contains(m.data, `"code":"EVENTS_LOST"`) {
		t.Errorf("got %+v", m)
	}
}

// A stream that was deleted and created again does not continue the one before, whatever its IDs
// are: that of an open subscriber, and that of a client that comes back.
func TestReplacedStreamLosesEvents(t *testing.T) {
	for name, replace := range map[string]func(*testing.T, *shop){
		"without data": func(t *testing.T, s *shop) {
			s.redis.Kill()
			s.redis.Restart()
			s.add(t, "orders.1", `{"id":"1","total":9}`)
		},
		"later IDs": func(t *testing.T, s *shop) {
			s.redis.Client.Del(t.Context(), "orders.1")
			s.add(t, "orders.1", `{"id":"1","total":9}`)
		},
		"later IDs of a trimmed stream": func(t *testing.T, s *shop) {
			s.redis.Client.Del(t.Context(), "orders.1")
			for range 2 {
				if err := s.redis.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders.1", MaxLen: 1, Values: []string{"data", `{"id":"1","total":9}`}}).Err(); err != nil {
					t.Fatal(err)
				}
			}
		},
		"lower IDs": func(t *testing.T, s *shop) {
			s.redis.Client.Del(t.Context(), "orders.1")
			if err := s.redis.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders.1", ID: "5-0", Values: []string{"data", `{"id":"1","total":9}`}}).Err(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options{})
			const query = `subscription { orderChanged(id: 1) { total } }`
			sub := s.subscribe(t, query)
			var last message
			eventually(t, "the subscription has begun", func() bool {
				s.add(t, "orders.1", `{"id":"1","total":0}`)
				select {
				case last = <-sub.messages:
					return true
				default:
					return false
				}
			})
			s.add(t, "orders.1", `{"id":"1","total":0}`, `{"id":"1","total":0}`, `{"id":"1","total":1}`)
			for !strings.Contains(last.data, `"total":1`) {
				last = sub.next()
			}
			// IDs begin with the time: let the new ones differ.
			eventually(t, "the clock of Redis advances", func() bool {
				now, err := s.redis.Client.Time(t.Context()).Result()
				ms, _, _ := strings.Cut(last.id, "-")
				return err == nil && fmt.Sprint(now.UnixMilli()) > ms
			})
			replace(t, s)
			if m := sub.next(); !strings.Contains(m.data, `"code":"EVENTS_LOST"`) {
				t.Errorf("the open subscription got %+v", m)
			}
			again := s.subscribe(t, query, "Last-Event-ID: "+last.id)
			if m := again.next(); !strings.Contains(m.data, `"code":"EVENTS_LOST"`) {
				t.Errorf("the client that came back got %+v", m)
			}
		})
	}
}

// A stream that keeps only its last entries is the same one after each of them.
func TestShortStreamIsNotReplaced(t *testing.T) {
	s := open(t, options{})
	sub := s.subscribe(t, `subscription { orderChanged(id: 1) { total } }`)
	add := func(total int, most int64) {
		t.Helper()
		if err := s.redis.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders.1", MaxLen: most, Values: []string{"data", fmt.Sprintf(`{"id":"1","total":%d}`, total)}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	// Until the subscription has caught up, the stream keeps all events: it has none to miss.
	eventually(t, "the subscription has begun", func() bool {
		add(0, 0)
		select {
		case <-sub.messages:
			return true
		default:
			return false
		}
	})
	for i := 1; i < 6; i++ {
		most := int64(1)
		if i == 1 {
			most = 0
		}
		add(i, most)
		for m := sub.next(); ; m = sub.next() {
			if strings.Contains(m.data, "errors") {
				t.Fatalf("got %+v", m)
			}
			if strings.Contains(m.data, fmt.Sprintf(`"total":%d`, i)) {
				break
			}
		}
	}
}

// A subscriber that is too slow for its queue delays nobody and loses nothing.
func TestSlowSubscriberReadsFromTheStream(t *testing.T) {
	s := open(t, options{configure: func(c *config.Config) { c.Subscriptions.QueueEvents = 2 }})
	hold := make(chan struct{})
	s.hold = hold
	s.add(t, "orders.1", `{"id":"1","total":0}`)
	slow := s.subscribe(t, `subscription { orderChanged(id: 1) { total status } }`, fromStart)
	fast := s.subscribe(t, `subscription { orderChanged(id: 1) { total } }`, fromStart)
	fast.expect(`{"data":{"orderChanged":{"total":0}}}`)
	eventually(t, "the slow one waits for its first event", func() bool { return len(s.asked()) > 0 })
	const events = 400
	for i := 1; i < events; i++ {
		s.add(t, "orders.1", fmt.Sprintf(`{"id":"1","total":%d}`, i))
	}
	for i := 1; i < events; i++ {
		fast.expect(fmt.Sprintf(`{"data":{"orderChanged":{"total":%d}}}`, i))
	}
	if got := s.metric(t, `souk_router_event_queue_overflows_total{provider="shop",topic="orders.{args.id}"}`); got < 1 {
		t.Errorf("%v overflows are counted", got)
	}
	s.mu.Lock()
	s.hold = nil
	s.mu.Unlock()
	close(hold)
	for i := range events {
		slow.expect(fmt.Sprintf(`{"data":{"orderChanged":{"total":%d,"status":"PAID"}}}`, i))
	}
}

// A subgraph with a server can have event streams, too: each event holds a key, and the router
// asks the server for everything else.
func TestSubgraphWithServer(t *testing.T) {
	s := open(t, options{events: "none", orders: eventsLink + `
		type Query { order(id: ID!): Order }
		type Subscription {
			changed: Order @eventStream(provider: "shop", topic: "changed")
			priced: Order @eventStream(provider: "shop", topic: "changed", payload: "id total")
		}
		type Order @key(fields: "id") { id: ID! status: String! total: Int }`})
	s.add(t, "changed", `{"id":"1","total":3,"status":"STALE"}`)
	s.subscribe(t, `subscription { changed { id total status } }`, fromStart).expect(`{"data":{"changed":{"id":"1","total":100,"status":"PAID"}}}`)
	s.subscribe(t, `subscription { priced { id total status } }`, fromStart).expect(`{"data":{"priced":{"id":"1","total":3,"status":"PAID"}}}`)
	if before := len(s.asked()); before != 2 {
		t.Errorf("the subgraph was asked %d times, want 2", before)
	}
	s.subscribe(t, `subscription { priced { id total } }`, fromStart).expect(`{"data":{"priced":{"id":"1","total":3}}}`)
	if got := s.asked(); len(got) != 2 {
		t.Errorf("the subgraph was asked for what the event holds: %v", got[2:])
	}
}

// Authorization applies to the field and to what is selected below it.
func TestEventsNeedAuthorization(t *testing.T) {
	s := open(t, options{})
	s.add(t, "orders", `{"id":"1","status":"NEW"}`)
	sub := s.subscribe(t, `subscription { guarded { id } }`, fromStart)
	if m := sub.next(); !strings.Contains(m.data, `"guarded":null`) || !strings.Contains(m.data, "UNAUTHORIZED") {
		t.Errorf("got %+v", m)
	}
	if m := sub.next(); m.name != "complete" {
		t.Errorf("got %+v after the error", m)
	}
	m := s.subscribe(t, `subscription { orders { id secret } }`, fromStart).next()
	if !strings.Contains(m.data, `"secret":null`) || !strings.Contains(m.data, "UNAUTHORIZED") {
		t.Errorf("got %+v", m)
	}
}

// Clients of WebSockets get the same events.
func TestEventsOverWebSocket(t *testing.T) {
	s := open(t, options{})
	conn, res, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Last-Event-Id": {"not for a WebSocket"}}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		res.Body.Close()
	}
	defer func() { _ = conn.CloseNow() }()
	for _, m := range []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"subscription { orderChanged(id: 1) { id status } }"}}`} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	messages := make(chan string, 100)
	go func() {
		for {
			_, m, err := conn.Read(context.WithoutCancel(t.Context()))
			if err != nil {
				return
			}
			messages <- string(m)
		}
	}()
	if got := <-messages; got != `{"type":"connection_ack"}` {
		t.Fatal(got)
	}
	eventually(t, "an event arrives", func() bool {
		s.add(t, "orders.1", `{"id":"1"}`)
		select {
		case got := <-messages:
			if got != `{"id":"1","type":"next","payload":{"data":{"orderChanged":{"id":"1","status":"PAID"}}}}` {
				t.Fatal(got)
			}
			return true
		default:
			return false
		}
	})
}

// In a Redis Cluster, streams are on different nodes.
func TestRedisCluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	var addresses []string
	for _, n := range nodes {
		addresses = append(addresses, n.Addr)
	}
	s := open(t, options{addresses: addresses})
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses})
	t.Cleanup(func() { _ = client.Close() })
	add := func(i, total int) {
		t.Helper()
		if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: fmt.Sprintf("orders.%d", i), Values: []string{"data", fmt.Sprintf(`{"id":"%d","total":%d}`, i, total)}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		add(i, 1)
		sub := s.subscribe(t, fmt.Sprintf(`subscription { orderChanged(id: %d) { id total } }`, i), fromStart)
		sub.expect(fmt.Sprintf(`{"data":{"orderChanged":{"id":"%d","total":1}}}`, i))
		add(i, 2)
		sub.expect(fmt.Sprintf(`{"data":{"orderChanged":{"id":"%d","total":2}}}`, i))
	}
}
