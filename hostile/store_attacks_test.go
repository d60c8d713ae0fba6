//go:build unix

package hostile_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// storeAttacks are requests that use the services' CPU.
func storeAttacks() []attack {
	return []attack{
		{name: "log-ins", clients: 8, prepare: func() func(*client, int) {
			return func(c *client, n int) {
				c.post(logIns(n, 199)) // too expensive
				c.post(logIns(n, 4))   // the maximum in one operation
			}
		}},
		{name: "nested products", clients: 8, prepare: func() func(*client, int) {
			nested := func(n, first int) string {
				level := fmt.Sprintf("products(first: %d) { nodes { id category { ", first)
				return fmt.Sprintf(`{"query":"{ a%d: categories { %sname%s } }"}`, n, strings.Repeat(level, 3), strings.Repeat(" } } }", 3))
			}
			return func(c *client, n int) {
				c.post(nested(n, 100)) // too expensive
				c.post(nested(n, 7))   // just within the limit
			}
		}},
		{name: "lists of 200,000 ids", clients: 8, prepare: func() func(*client, int) {
			many, most := quoted(make([]int, 200_000)), quoted(make([]int, 1000))
			return func(c *client, n int) {
				head := fmt.Sprintf(`{"query":"query ($ids: [ID!]!) { a%d: stocks(productIds: $ids) { onHand } }","variables":{"ids":`, n)
				c.post(head, many, "}}")
				c.post(head, most, "}}")
			}
		}},
		{name: "REST requests with other idempotency keys", clients: 8, prepare: func() func(*client, int) {
			return func(c *client, n int) {
				c.send(http.MethodPost, "/api/orders", []string{`{"userId":1,"productId":1,"quantity":1}`}, fmt.Sprintf("Idempotency-Key: \"hostile-%d\"", n))
			}
		}},
	}
}

// logIns returns a request with aliases of logIn.
func logIns(n, aliases int) string {
	var b strings.Builder
	for i := range aliases {
		fmt.Fprintf(&b, `a%d_%d: logIn(input: {login: \"ada\", password: \"wrong-%d\"}) { __typename } `, n, i, i)
	}
	return `{"query":"mutation { ` + b.String() + `}"}`
}

// storeStreamAttacks hold connections and streams.
func storeStreamAttacks() []attack {
	const large = `{ a: products(first: 100) { nodes { ...P } } b: products(first: 100) { nodes { ...P } } } fragment P on Product { id name description sku tags category { slug name } price { minorUnits currency decimal } }`
	restHead := "POST /api/products HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n"
	restBody := restHead + "{\"name\":\"" + strings.Repeat("x", 100_000)
	return []attack{
		{name: "WebSockets that send operations without end", clients: 8, prepare: func() func(*client, int) {
			return func(c *client, n int) { c.operate(n, `{ products(first: 100) { nodes { id name description } } }`) }
		}},
		{name: "event streams that are never read", clients: 20, prepare: connects(local(httpRequest(`{"query":"`+large+`"}`, "Accept: text/event-stream\r\n")))},
		{name: "subscriptions that are never read", clients: 20, prepare: connects(local(httpRequest(`{"query":"subscription { orderUpdated(id: 155) { id status version } }"}`, "Accept: text/event-stream\r\n")))},
		{name: "REST bodies that do not end", clients: 20, prepare: connects(restBody)},
		{name: "REST bodies that do not start", clients: 20, prepare: connects(restHead)},
	}
}

// local sets the only host that the store accepts.
func local(text string) string { return strings.Replace(text, "Host: x", "Host: localhost", 1) }

// operate opens a WebSocket and sends operations with different IDs until the router
// closes it. It reads nothing.
func (c *client) operate(n int, document string) {
	conn := c.raw(local(webSocketHandshake) + frame(`{"type":"connection_init"}`))
	if conn == nil {
		return
	}
	for i := 0; c.ctx.Err() == nil; i++ {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte(frame(fmt.Sprintf(`{"type":"subscribe","id":"%d-%d","payload":{"query":"%s"}}`, n, i, document)))); err != nil {
			return
		}
	}
}

// frame returns a client's text message (RFC 6455, section 5.2) with a masking key of
// zeros, which leaves the text unchanged. White space makes it long enough for a 16-bit
// length.
func frame(text string) string {
	text += strings.Repeat(" ", max(0, 126-len(text)))
	head := []byte{0x81, 0x80 | 126}
	head = binary.BigEndian.AppendUint16(head, uint16(len(text)))
	return string(head) + "\x00\x00\x00\x00" + text
}
