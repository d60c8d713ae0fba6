package notification_test

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/notification"
)

// beside starts another process of the service, with the same database and surroundings.
func (w *world) beside(t *testing.T, now func() time.Time) *servicetest.Service {
	t.Helper()
	return servicetest.Start(t, notification.Run, w.surround, func(e *server.Environment) {
		e.DatabaseURL, e.RedisURL, e.Now = w.DB.Config().ConnString(), "redis://"+w.Redis.Addr(), now
	})
}

// due creates notifications that are due now, all at once.
func (w *world) due(t *testing.T, channel string, count int) {
	t.Helper()
	if _, err := w.DB.Exec(t.Context(), `
		INSERT INTO notifications (event_id, channel, user_id, template, recipient, subject, body, html, status, allowed, created_at, due_at, traceparent)
		SELECT gen_random_uuid(), $1, n, 'order-created', CASE $1 WHEN 'sms' THEN '+493000' || n ELSE 'c' || n || '@example.com' END,
			CASE $1 WHEN 'sms' THEN '' ELSE 'Subject' END, 'Text', '', 'PENDING', 5, now(), now() - interval '1 second', ''
		FROM generate_series(1, $2) n`, channel, count); err != nil {
		t.Fatal(err)
	}
}

// events returns how many notification.sent there are, and for how many notifications.
func (w *world) events(t *testing.T) (all, notifications int) {
	t.Helper()
	if err := w.DB.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT subject) FROM event_outbox WHERE type = 'notification.sent'`).Scan(&all, &notifications); err != nil {
		t.Fatal(err)
	}
	return all, notifications
}

// Two processes, with several workers each, look for the same notifications.
func TestEachNotificationIsClaimedOnce(t *testing.T) {
	w := start(t)
	w.beside(t, time.Now)
	// The first SMS wait until more are on their way than one process has workers.
	var (
		sending atomic.Int64
		release = make(chan struct{})
	)
	const several = 12
	arrived := func() {
		if sending.Add(1) == several {
			close(release)
		}
		select {
		case <-release:
		case <-t.Context().Done():
		}
	}
	w.smsSent.Store(&arrived)
	const count = 150
	w.due(t, "sms", count)
	w.due(t, "email", count)
	await(t, "all messages", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 2*count })
	if n := w.count(t, "notifications WHERE attempts <> 1"); n != 0 {
		t.Errorf("%d notifications were claimed more than once", n)
	}
	messages := w.inbox.Messages()
	if len(messages) != 2*count {
		t.Errorf("%d messages arrived, not %d", len(messages), 2*count)
	}
	for _, m := range messages {
		if m.Deliveries != 1 {
			t.Errorf("%s was delivered %d times", m.ID, m.Deliveries)
		}
	}
	if all, notifications := w.events(t); all != 2*count || notifications != 2*count {
		t.Errorf("there are %d events about %d notifications, want one for each of %d", all, notifications, 2*count)
	}
}

// fussy is a mail server that answers its first recipients together, and accepts neither c2 nor c5.
type fussy struct {
	together int64
	waiting  atomic.Int64
	all      chan struct{} // closed when so many wait
	ended    <-chan struct{}
}

// NewSession implements smtp.Backend.
func (f *fussy) NewSession(*smtp.Conn) (smtp.Session, error) { return fussySession{f}, nil }

type fussySession struct{ server *fussy }

func (fussySession) Reset()                               {}
func (fussySession) Logout() error                        { return nil }
func (fussySession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (s fussySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.waiting.Add(1) == s.server.together {
		close(s.server.all)
	}
	select {
	case <-s.server.all:
	case <-s.server.ended:
	}
	switch to {
	case "c2@example.com":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	case "c5@example.com":
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "try again later"}
	}
	return nil
}

// Data implements smtp.Session.
func (fussySession) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// E-mails that are claimed and marked together succeed and fail on their own.
func TestFailedEmailDoesNotConcernOthers(t *testing.T) {
	const count = 6
	mail := listen(t)
	backend := &fussy{together: count, all: make(chan struct{}), ended: t.Context().Done()}
	receiver := smtp.NewServer(backend)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := receiver.Serve(mail); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("the mail server ended with: %v", err)
		}
	})
	t.Cleanup(func() { _ = receiver.Close(); serving.Wait() })
	w := startWith(t, map[string]string{"SMTP_URL": "smtp://" + mail.Addr().String()})
	w.due(t, "email", count)
	await(t, "the others", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == count-2 })
	await(t, "both failures", func() bool { return w.count(t, "notifications WHERE last_error IS NOT NULL") == 2 })
	for what, condition := range map[string]string{
		"one failed for good, at the first attempt": `recipient = 'c2@example.com' AND status = 'DEAD' AND attempts = 1 AND last_error LIKE '%no such mailbox%' AND sent_at IS NULL`,
		"one waits for another attempt":             `recipient = 'c5@example.com' AND status = 'PENDING' AND last_error LIKE '%try again later%' AND sent_at IS NULL`,
	} {
		if n := w.count(t, "notifications WHERE "+condition); n != 1 {
			t.Errorf("%s: %d notifications", what, n)
		}
	}
	if n := w.count(t, "notifications WHERE status = 'SENT' AND attempts = 1 AND last_error IS NULL AND sent_at IS NOT NULL AND recipient NOT IN ('c2@example.com', 'c5@example.com')"); n != count-2 {
		t.Errorf("%d notifications are marked as sent, want %d", n, count-2)
	}
	if all, notifications := w.events(t); all != count-2 || notifications != count-2 {
		t.Errorf("there are %d events about %d notifications, want one for each of %d", all, notifications, count-2)
	}
}

// A process claims notifications, sends them, and is cut off before it marks any. Another process
// leaves them alone while the claims last, then sends them again.
func TestCrashReleasesClaims(t *testing.T) {
	w := start(t)
	const count = 6
	var (
		sending atomic.Int64
		cut     = make(chan struct{})
	)
	arrived := func() {
		if sending.Add(1) == count {
			w.Database.Close()
			close(cut)
		}
		select {
		case <-cut:
		case <-t.Context().Done():
		}
	}
	w.smsSent.Store(&arrived)
	w.due(t, "sms", count)
	select {
	case <-cut:
	case <-time.After(30 * time.Second):
		t.Fatalf("%d of %d SMS are on their way", sending.Load(), count)
	}
	w.smsSent.Store(nil)
	if n := w.count(t, "notifications WHERE status = 'PENDING' AND attempts = 1 AND due_at > now()"); n != count {
		t.Fatalf("%d notifications are claimed, want %d", n, count)
	}

	var later atomic.Int64
	w.beside(t, func() time.Time { return time.Now().Add(time.Duration(later.Load())) })
	w.due(t, "sms", 1)
	await(t, "a notification that nobody has claimed", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 1 })
	if n := w.count(t, "notifications WHERE status = 'PENDING' AND attempts = 1"); n != count {
		t.Fatalf("%d notifications are left alone, want %d", n, count)
	}
	later.Store(int64(2 * time.Minute))
	await(t, "all notifications", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == count+1 })
	if n := w.count(t, "notifications WHERE attempts = 2"); n != count {
		t.Errorf("%d notifications were claimed again, want %d", n, count)
	}

	// The first process was not dead. That it sent the messages, too, changes nothing.
	w.Database.Open(t)
	w.Stop()
	if all, notifications := w.events(t); all != count+1 || notifications != count+1 {
		t.Errorf("there are %d events about %d notifications, want one for each of %d", all, notifications, count+1)
	}
}
