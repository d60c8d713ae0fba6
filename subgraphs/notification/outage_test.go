package notification_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"souk/subgraphs/internal/server"
)

// The database goes away between the delivery of a message and the record of
// it. The message is not sent again: the record is written when the database is
// back.
func TestDatabaseOutageDoesNotSendMessagesTwice(t *testing.T) {
	w := start(t)
	cut := sync.OnceFunc(w.Database.Close)
	w.smsSent.Store(&cut)
	w.tell(t, first, "order.created", 7, 1)
	await(t, "the SMS", func() bool { return len(w.messages("sms")) == 1 })
	if n := w.count(t, "notifications WHERE channel = 'sms' AND status = 'PENDING'"); n != 1 {
		t.Fatalf("%d pending SMS: the outage came too late", n)
	}
	// Meanwhile the claim of the message expires.
	if _, err := w.DB.Exec(t.Context(), `UPDATE notifications SET due_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	w.Database.Open(t)
	await(t, "both records", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 2 })
	for _, m := range w.inbox.Messages() {
		if m.Deliveries != 1 && strings.HasSuffix(m.ID, ".sms") {
			t.Errorf("%s was delivered %d times", m.ID, m.Deliveries)
		}
	}
}

// messages returns the IDs of the messages that arrived through a channel.
func (w *world) messages(channel string) (ids []string) {
	for _, m := range w.inbox.Messages() {
		if strings.Contains(m.ID, "."+channel) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// A mail server that accepts connections and then says nothing occupies the
// senders of e-mail. SMS go out meanwhile.
func TestHangingMailServerDoesNotDelaySMS(t *testing.T) {
	mail := listen(t)
	var held sync.WaitGroup
	held.Go(func() {
		var connections []net.Conn
		for {
			c, err := mail.Accept()
			if err != nil {
				for _, c := range connections {
					c.Close()
				}
				return
			}
			connections = append(connections, c)
		}
	})
	t.Cleanup(func() { mail.Close(); held.Wait() })
	w := startWith(t, map[string]string{"SMTP_URL": "smtp://" + mail.Addr().String()})
	const orders = 40
	for i := range orders {
		w.tell(t, fmt.Sprintf("019a0000-0000-7000-8000-%012d", i), "order.created", i+1, 100+i)
	}
	await(t, "all SMS", func() bool { return w.count(t, "notifications WHERE channel = 'sms' AND status = 'SENT'") == orders })
}

func TestDatabaseOutageIsUnavailable(t *testing.T) {
	w := start(t, func(e *server.Environment) { e.AuthMode = server.Tutorial })
	w.Database.Close()
	answer := w.Do(t, `{ notifications { totalCount } }`, nil)
	if len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "UNAVAILABLE" || fmt.Sprint(answer.Errors[0].Extensions["retryAfter"]) != "1" {
		t.Errorf("during the outage the answer is %+v", answer)
	}
	w.Database.Open(t)
	await(t, "an answer after the outage", func() bool { return len(w.Do(t, `{ notifications { totalCount } }`, nil).Errors) == 0 })
}

// A statement that waits too long for a lock ends before the router gives up.
func TestSlowStatementIsUnavailable(t *testing.T) {
	w := start(t, func(e *server.Environment) { e.AuthMode = server.Tutorial })
	locking, err := w.DB.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = locking.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := locking.Exec(t.Context(), `LOCK TABLE notifications`); err != nil {
		t.Fatal(err)
	}
	answer := w.Do(t, `{ notifications { totalCount } }`, nil)
	if len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "UNAVAILABLE" || fmt.Sprint(answer.Errors[0].Extensions["retryAfter"]) != "1" ||
		answer.Errors[0].Message != "The database of the service took too long. Try again in 1 s." {
		t.Errorf("while the table is locked the answer is %+v", answer)
	}
	if err := locking.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.Data(t, `{ notifications { totalCount } }`, nil); got != `{"notifications":{"totalCount":0}}` {
		t.Errorf("after the lock the answer is %s", got)
	}
}
