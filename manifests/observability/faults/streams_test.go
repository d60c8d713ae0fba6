package faults

import (
	"context"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

const follow = `{"query":"subscription { orderUpdated(id: \"1\") { id status } }"}`

// following has customers who follow an order all the time, in each way that the router has.
// With each turn, one of them leaves.
func following() fault {
	var leave []func()
	return fault{
		name: "none",
		breaks: func(s *store) func() {
			s.order(s.product) // the first order, if there is none
			for range followers {
				for _, accept := range []string{"text/event-stream", `multipart/mixed;boundary="graphql";subscriptionSpec=1.0`} {
					leave = append(leave, s.follow(accept))
				}
				leave = append(leave, s.followBySocket())
			}
			return func() {}
		},
		each: func(s *store) {
			s.visit()
			if len(leave) > 0 {
				leave[0]()
				leave = leave[1:]
			}
		},
		turns: 3 * followers,
	}
}

// followers is how many customers follow an order in each way.
const followers = 14

// follow reads a stream until the returned function is called.
func (s *store) follow(accept string) (leave func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.gateway.url+"/graphql", strings.NewReader(follow))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: status %d", accept, response.StatusCode)
	}
	if _, err := response.Body.Read(make([]byte, 1)); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		cancel()
		_ = response.Body.Close()
	}
}

func (s *store) followBySocket() (leave func()) {
	s.t.Helper()
	ctx := s.t.Context()
	conn, _, err := websocket.Dial(ctx, s.gateway.url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // that of status 101
	if err != nil {
		s.t.Fatal(err)
	}
	for _, message := range []string{`{"type":"connection_init"}`, `{"type":"subscribe","id":"1","payload":` + follow + `}`} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			s.t.Fatal(err)
		}
	}
	var message struct{ Type string }
	for message.Type != "next" {
		if err := wsjson.Read(ctx, conn, &message); err != nil {
			s.t.Fatal(err)
		}
		if message.Type == "error" {
			s.t.Fatal("the subscription is refused")
		}
	}
	return func() { _ = conn.CloseNow() }
}
