package eventsource_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"souk/router/gateway/config"
)

// startNATS runs a server in this process, with JetStream.
func startNATS(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	return startNATSWith(t, &server.Options{Port: port, StoreDir: dir, Username: "souk", Password: "secret"})
}

func startNATSWith(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.JetStream, o.NoSigs, o.NoLog = "127.0.0.1", true, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(60 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func natsProvider(url string) config.EventProvider {
	return config.EventProvider{Kind: "nats", NATS: config.NATSEvents{URLs: []string{url}, Username: "souk", Password: "secret"}}
}

func connect(t *testing.T, s *server.Server, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(s.ClientURL(), append(options, nats.UserInfo("souk", "secret"), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// publish publishes an event and returns its sequence number. It tries again while the server is
// away.
func publish(t *testing.T, js jetstream.JetStream, subject, event string) (sequence string) {
	t.Helper()
	eventually(t, "the event is published", func() bool {
		ack, err := js.Publish(t.Context(), subject, []byte(event))
		if err == nil {
			sequence = strconv.FormatUint(ack.Sequence, 10)
		}
		return err == nil
	})
	return sequence
}

// Events of JetStream are completed from subgraphs, filtered by subject, and continue after
// Last-Event-ID. A server that restarts costs none.
func TestNATS(t *testing.T) {
	dir := t.TempDir()
	broker := startNATS(t, dir, -1)
	js := connect(t, broker)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}, MaxMsgs: 1000}); err != nil {
		t.Fatal(err)
	}
	s := open(t, options{provider: natsProvider(broker.ClientURL())})
	const query = `subscription { orderChanged(id: 1) { total status } }`
	publish(t, js, "orders.1", `{"id":"1","total":0}`)
	publish(t, js, "orders.2", `{"id":"2","total":9}`)
	id := publish(t, js, "orders.1", `{"id":"1","total":1}`)
	sub := s.subscribe(t, query, fromSequence("0"))
	sub.expect(`{"data":{"orderChanged":{"total":0,"status":"PAID"}}}`)
	if m := sub.expect(`{"data":{"orderChanged":{"total":1,"status":"PAID"}}}`); m.id != id {
		t.Errorf("the ID is %q, want %q", m.id, id)
	}
	publish(t, js, "orders.1", `{"id":"1","total":2}`)
	sub.expect(`{"data":{"orderChanged":{"total":2,"status":"PAID"}}}`)

	port := broker.Addr().String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	broker.Shutdown()
	broker.WaitForShutdown()
	startNATS(t, dir, n)
	publish(t, js, "orders.1", `{"id":"1","total":3}`)
	last := sub.expect(`{"data":{"orderChanged":{"total":3,"status":"PAID"}}}`)
	for i := 4; i < 200; i++ {
		publish(t, js, "orders.1", fmt.Sprintf(`{"id":"1","total":%d}`, i))
	}
	again := s.subscribe(t, query, fromSequence(last.id))
	for i := 4; i < 200; i++ {
		again.expect(fmt.Sprintf(`{"data":{"orderChanged":{"total":%d,"status":"PAID"}}}`, i))
	}
}

func fromSequence(n string) string { return "Last-Event-ID: " + n }

// A sequence number that is not known, or whose successors are gone, is an error.
func TestNATSLastEventIDThatCannotBeUsed(t *testing.T) {
	broker := startNATS(t, t.TempDir(), -1)
	js := connect(t, broker)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}, MaxMsgs: 2}); err != nil {
		t.Fatal(err)
	}
	s := open(t, options{provider: natsProvider(broker.ClientURL())})
	for range 5 {
		publish(t, js, "orders.1", `{"id":"1"}`)
	}
	for id, want := range map[string]string{"x": "INVALID_LAST_EVENT_ID", "6": "INVALID_LAST_EVENT_ID", "2": "EVENTS_LOST", "3": `"data"`} {
		if m := s.subscribe(t, `subscription { orderChanged(id: 1) { id } }`, fromSequence(id)).next(); !strings.Contains(m.data, want) {
			t.Errorf("%q: got %+v", id, m)
		}
	}
}

// A subject that no stream keeps, and a server that is away, are errors.
func TestNATSUnavailable(t *testing.T) {
	broker := startNATS(t, t.TempDir(), -1)
	s := open(t, options{provider: natsProvider(broker.ClientURL()), configure: func(c *config.Config) { c.EventSources.ConnectTimeout = time.Second }})
	if m := s.subscribe(t, `subscription { orderChanged(id: 1) { id } }`).next(); !strings.Contains(m.data, "SUBREQUEST_HTTP_ERROR") || strings.Contains(m.data, "127.0.0.1") {
		t.Errorf("got %+v", m)
	}
	broker.Shutdown()
	if m := s.subscribe(t, `subscription { orderChanged(id: 1) { id } }`).next(); !strings.Contains(m.data, "SUBREQUEST_") || strings.Contains(m.data, "127.0.0.1") {
		t.Errorf("got %+v", m)
	}
}
