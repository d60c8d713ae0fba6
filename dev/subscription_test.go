package dev_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"souk/dev"
)

// TestOrderChangesReachSubscribers follows an order by event stream and WebSocket: the
// router gets its changes from the order service and the product fields from others.
func TestOrderChangesReachSubscribers(t *testing.T) {
	t.Parallel()
	store := open(t, dev.Options{})
	for name, follow := range map[string]func(*testing.T, string) func() map[string]any{
		"event stream": store.followByEvents,
		"WebSocket":    store.followBySocket,
	} {
		t.Run(name, func(t *testing.T) {
			id := store.order(t, "1", "1")
			next := follow(t, id)
			if got := next(); got["status"] != "CONFIRMED" {
				t.Fatalf("first event: got order %v", got)
			}
			store.graphql(t, `mutation($id: ID!) { cancelOrder(input: {id: $id}) { __typename } }`, map[string]any{"id": id})
			got := next()
			if got["status"] != "CANCELLED" {
				t.Fatalf("second event: got order %v", got)
			}
			product := got["lines"].([]any)[0].(map[string]any)["product"].(map[string]any)
			if product["name"] == "" || product["inStock"] == nil {
				t.Errorf("the event has no data from the other services: %v", product)
			}
		})
	}
}

// After logging out, a subscriber gets no more events, although the access token is
// still valid.
func TestSubscriptionEndsWithTheSession(t *testing.T) {
	t.Parallel()
	anyone := open(t, dev.Options{AuthMode: "enforced"})
	session, _ := anyone.expect(t, http.StatusOK, http.MethodPost, "/api/login", `{"login":"ada","password":"tutorial-ada"}`)
	ada := &store{System: anyone.System, token: session["accessToken"].(string)}
	id := ada.order(t, "1", "1")
	socket := ada.socket(t, "1", id)
	if kind, payload := socket(); kind != "next" {
		t.Fatalf("first message: got %s %s", kind, payload)
	}
	ada.graphql(t, `mutation($token: String!) { logOut(refreshToken: $token) }`, map[string]any{"token": session["refreshToken"]})
	if kind, payload := socket(); kind != "error" || !strings.Contains(string(payload), `"code":"SUBSCRIPTION_SESSION_ENDED"`) {
		t.Errorf("after logging out: got %s %s", kind, payload)
	}
}

// A subscriber who loses the role that allowed following an order gets no more events,
// although the token still names the role.
func TestSubscriptionEndsWhenTheRoleIsRevoked(t *testing.T) {
	t.Parallel()
	anyone := open(t, dev.Options{AuthMode: "enforced"})
	admin := anyone.logIn(t, "admin", "tutorial-admin")
	me, _ := anyone.logIn(t, "grace", "tutorial-grace").expect(t, http.StatusOK, http.MethodGet, "/api/me", "")
	setRoles := func(roles ...string) {
		t.Helper()
		data := admin.graphql(t, `mutation($id: ID!, $roles: [Role!]!) { setRoles(id: $id, roles: $roles) { ... on UserPayload { user { roles } } ... on Error { message } } }`,
			map[string]any{"id": fmt.Sprint(me["id"]), "roles": roles})
		if data["setRoles"].(map[string]any)["user"] == nil {
			t.Fatalf("setting the roles: got %v", data)
		}
	}
	setRoles("CUSTOMER", "ADMIN")
	id := anyone.logIn(t, "ada", "tutorial-ada").order(t, "1", "1")
	socket := anyone.logIn(t, "grace", "tutorial-grace").socket(t, "1", id) // another user's order
	if kind, payload := socket(); kind != "next" {
		t.Fatalf("first message: got %s %s", kind, payload)
	}
	setRoles("CUSTOMER")
	if kind, payload := socket(); kind != "error" || !strings.Contains(string(payload), `"code":"SUBSCRIPTION_SESSION_ENDED"`) || !strings.Contains(string(payload), "roles") {
		t.Errorf("after revoking the role: got %s %s", kind, payload)
	}
	kind, payload := anyone.logIn(t, "grace", "tutorial-grace").socket(t, "1", id)()
	if kind != "error" || !strings.Contains(string(payload), `"code":"NOT_FOUND"`) {
		t.Errorf("new subscription without the role: got %s %s", kind, payload)
	}
}

// Following an order that the caller may not see is an error of the operation, without
// an event.
func TestSubscriptionIsRefused(t *testing.T) {
	t.Parallel()
	anyone := open(t, dev.Options{AuthMode: "enforced"})
	grace := anyone.logIn(t, "grace", "tutorial-grace")
	kind, payload := grace.socket(t, "1", "1")()
	if kind != "error" || !strings.Contains(string(payload), `"code":"NOT_FOUND"`) || strings.Contains(string(payload), `"data"`) {
		t.Errorf("got %s %s, want an error", kind, payload)
	}
}

// socket follows an order by WebSocket. It returns a function that waits for the next
// message of that operation.
func (s *store) socket(t *testing.T, operation, order string) func() (kind string, payload json.RawMessage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	conn, res, err := websocket.Dial(ctx, s.URL("router")+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		t.Cleanup(func() { res.Body.Close() })
	}
	t.Cleanup(func() { conn.CloseNow() })
	for _, message := range []any{
		map[string]any{"type": "connection_init", "payload": map[string]string{"Authorization": "Bearer " + s.token}},
		map[string]any{"type": "subscribe", "id": operation, "payload": json.RawMessage(followRequest(t, order))},
	} {
		if err := wsjson.Write(ctx, conn, message); err != nil {
			t.Fatal(err)
		}
	}
	return func() (string, json.RawMessage) {
		for {
			var message struct {
				ID, Type string
				Payload  json.RawMessage
			}
			if err := wsjson.Read(ctx, conn, &message); err != nil {
				t.Fatal(err)
			}
			if message.ID == operation {
				return message.Type, message.Payload
			}
		}
	}
}

const followOrder = `subscription($id: ID!) { orderUpdated(id: $id) { id status lines { product { name inStock } } } }`

func followRequest(t *testing.T, id string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": followOrder, "variables": map[string]any{"id": id}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// event returns the order in a response.
func event(t *testing.T, response []byte) map[string]any {
	t.Helper()
	var out struct {
		Data   struct{ OrderUpdated map[string]any }
		Errors []any
	}
	if err := json.Unmarshal(response, &out); err != nil || out.Errors != nil {
		t.Fatalf("event %s: %v", response, err)
	}
	return out.Data.OrderUpdated
}

// followByEvents returns a function that waits for the next server-sent event.
func (s *store) followByEvents(t *testing.T, id string) func() map[string]any {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL("router")+"/graphql", strings.NewReader(string(followRequest(t, id))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func() map[string]any {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return event(t, []byte(data))
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return nil
	}
}

// followBySocket does the same over graphql-transport-ws.
func (s *store) followBySocket(t *testing.T, id string) func() map[string]any {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	conn, res, err := websocket.Dial(ctx, s.URL("router")+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		t.Cleanup(func() { res.Body.Close() })
	}
	t.Cleanup(func() { conn.CloseNow() })
	for _, message := range []any{
		map[string]any{"type": "connection_init"},
		map[string]any{"type": "subscribe", "id": "1", "payload": json.RawMessage(followRequest(t, id))},
	} {
		if err := wsjson.Write(ctx, conn, message); err != nil {
			t.Fatal(err)
		}
	}
	return func() map[string]any {
		for {
			var message struct {
				Type    string
				Payload json.RawMessage
			}
			if err := wsjson.Read(ctx, conn, &message); err != nil {
				t.Fatal(err)
			}
			switch message.Type {
			case "next":
				return event(t, message.Payload)
			case "error", "complete":
				t.Fatalf("the subscription ended: %s %s", message.Type, message.Payload)
			}
		}
	}
}
