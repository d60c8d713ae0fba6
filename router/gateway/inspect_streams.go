package gateway

import "souk/router/hook"

// A SubscriptionCount has the open subscriptions of one operation.
type SubscriptionCount struct {
	// Hash is the Key of the operation's record.Document.
	Hash, Name string
	// Clients counts the subscriptions of clients, Upstreams those to the subgraph.
	Clients, Upstreams int
}

// Subscriptions returns the open subscriptions by operation, and by carrier: websocket, sse
// or multipart.
func (gw *Gateway) Subscriptions() (list []SubscriptionCount, carriers map[string]int) {
	type key struct{ hash, name string }
	by := map[key]*SubscriptionCount{}
	of := func(d *document) *SubscriptionCount {
		k := key{d.operationHash(), d.Name()}
		if by[k] == nil {
			by[k] = &SubscriptionCount{Hash: k.hash, Name: k.name}
		}
		return by[k]
	}
	carriers = map[string]int{"websocket": 0, "sse": 0, "multipart": 0}
	gw.following.mu.Lock()
	for p, open := range gw.following.open {
		c := of(p.document)
		c.Clients++
		if !gw.config.Subscriptions.Deduplicate {
			c.Upstreams++
		}
		carriers[open.carrier]++
	}
	gw.following.mu.Unlock()
	gw.shared.mu.Lock()
	for _, s := range gw.shared.open {
		of(s.of).Upstreams++
	}
	gw.shared.mu.Unlock()
	for _, c := range by {
		list = append(list, *c)
	}
	return list, carriers
}

// streamCarrier returns how the client gets the events of a subscription.
func (x *exchange) streamCarrier() string {
	switch {
	case x.carrier == hook.WebSocket:
		return "websocket"
	case x.accept.subscription:
		return "multipart"
	}
	return "sse"
}
