//go:build unix

package hostile_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// httpRequest is a POST of a GraphQL request, as text.
func httpRequest(body, headers string) string {
	return fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

const webSocketHandshake = "GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"

// connects is an attack with connections that send something and stay open.
func connects(text string) func() func(*client, int) {
	return func() func(*client, int) { return func(c *client, _ int) { c.raw(text) } }
}

// fanOut returns a short document that selects thousands of fields, in 64
// combinations.
func fanOut() (head, tail string) {
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, "c%d: user(id: %d) @include(if: $c%d) { ...F0 } ", i, i, i)
	}
	b.WriteString("}")
	for i := range 6 {
		fmt.Fprintf(&b, " fragment F%d on User { ...S f%d: friend { ...F%d } g%d: friend { ...F%d } }", i, i, i+1, i, i+1)
	}
	b.WriteString(" fragment F6 on User { name } fragment S on User { name a b c d e f g }")
	return "query Q($c0: Boolean = false $c1: Boolean = false $c2: Boolean = false $c3: Boolean = false $c4: Boolean = false $c5: Boolean = false) { n%d: hello ", b.String()
}

// bomb is a gzip body of 64 MB of spaces.
func bomb() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = w.Close()
	return b.String()
}

func quoted(v any) string {
	text, _ := json.Marshal(v) // strings and lists of numbers can always be encoded
	return string(text)
}

// cacheAttacks fill the router's caches.
func cacheAttacks() []attack {
	padding := strings.Repeat("x", 1_900_000)
	return []attack{
		{name: "fragments in all combinations", clients: 8, prepare: func() func(*client, int) {
			head, tail := fanOut()
			return func(c *client, n int) {
				values := map[string]bool{}
				for i := range 6 {
					values[fmt.Sprintf("c%d", i)] = n>>i&1 == 1
				}
				c.post(`{"query":"`, fmt.Sprintf(head, n/64), tail, `","variables":`, quoted(values), "}")
			}
		}},
		{name: "documents of 2 MB", clients: 8, prepare: func() func(*client, int) {
			return func(c *client, n int) { c.post(fmt.Sprintf(`{"query":"{ a%d: hello } #`, n), padding, `"}`) }
		}},
		{name: "registered documents", clients: 8, prepare: func() func(*client, int) {
			register := func(c *client, head string) {
				hash := sha256.New()
				hash.Write([]byte(head))
				hash.Write([]byte(padding))
				c.post(`{"query":"`, head, padding, `","extensions":{"persistedQuery":{"version":1,"sha256Hash":"`, hex.EncodeToString(hash.Sum(nil)), `"}}}`)
			}
			return func(c *client, n int) {
				register(c, fmt.Sprintf("{ a%d: hello } #", n))
				register(c, fmt.Sprintf("{ a%d: nothing } #", n))
			}
		}},
		{name: "metric labels and keys", clients: 8, prepare: func() func(*client, int) {
			return func(c *client, n int) {
				c.send(fmt.Sprintf("M%d", n), fmt.Sprintf("/p%d", n), nil)
				c.send(http.MethodPost, "/graphql", []string{fmt.Sprintf(`{"query":"query Q%d { hello }","operationName":"Q%d"}`, n, n)},
					fmt.Sprintf("X-Key: %d%s", n, padding[:10_000]), fmt.Sprintf("Idempotency-Key: %d", n))
			}
		}},
	}
}

// workAttacks use the router's CPU.
func workAttacks() []attack {
	return []attack{
		{name: "lists of 200,000 ids", clients: 8, prepare: func() func(*client, int) {
			ids := quoted(make([]int, 200_000))
			return func(c *client, n int) {
				c.post(fmt.Sprintf(`{"query":"query ($ids: [ID!]!) { a%d: byIds(ids: $ids) { name } }","variables":{"ids":`, n), ids, "}}")
			}
		}},
		{name: "aliases", clients: 8, prepare: func() func(*client, int) {
			var b strings.Builder
			for i := range 190 {
				fmt.Fprintf(&b, "a%d: __schema { types { name fields { name args { name } } } } ", i)
			}
			aliases := b.String()
			return func(c *client, n int) { c.post(fmt.Sprintf(`{"query":"query Q%d { `, n), aliases, `}"}`) }
		}},
		{name: "deep nesting", clients: 8, prepare: func() func(*client, int) {
			nested := strings.Repeat("friend { ", 5000) + "name " + strings.Repeat("} ", 5000)
			return func(c *client, n int) { c.post(fmt.Sprintf(`{"query":"{ a%d: user { `, n), nested, `} }"}`) }
		}},
		{name: "huge headers", clients: 8, prepare: func() func(*client, int) {
			header := "X-Huge: " + strings.Repeat("x", 1<<20)
			return func(c *client, _ int) { c.send(http.MethodGet, "/graphql", nil, header) }
		}},
		{name: "compressed bodies", clients: 8, prepare: func() func(*client, int) {
			body := []string{bomb()}
			return func(c *client, _ int) { c.send(http.MethodPost, "/graphql", body, "Content-Encoding: gzip") }
		}},
	}
}

// connectionAttacks hold connections.
func connectionAttacks() []attack {
	return []attack{
		{name: "responses that are never read", clients: 20, prepare: connects(httpRequest(`{"query":"{ long }"}`, ""))},
		{name: "event streams that are never read", clients: 20, prepare: connects(httpRequest(`{"query":"{ long }"}`, "Accept: text/event-stream\r\n"))},
		{name: "WebSockets", clients: 20, prepare: connects(webSocketHandshake)},
		{name: "headers that do not end", clients: 20, prepare: connects("POST /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ")},
		{name: "bodies that do not end", clients: 20, prepare: connects(
			"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n{\"query\":\"" + strings.Repeat("x", 100_000))},
		{name: "bodies that do not start", clients: 20, prepare: connects(
			"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n")},
		{name: "connections", clients: 30, prepare: connects("")},
	}
}
