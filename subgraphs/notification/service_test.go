package notification_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/notification"
	"souk/subgraphs/notification/inbox"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// world is the service with its surroundings.
type world struct {
	*servicetest.Service
	inbox     *inbox.Inbox
	usersAway *atomic.Bool
	smsAway   *atomic.Bool
	erased    *atomic.Bool           // user 1 has erased the account
	smsSent   atomic.Pointer[func()] // runs when an SMS has arrived
	users     string                 // the URL of the user service
	variables map[string]string      // of the environment
}

func start(t *testing.T, options ...func(*server.Environment)) *world {
	t.Helper()
	return startWith(t, nil, options...)
}

// startWith starts the service with variables of its environment.
func startWith(t *testing.T, set map[string]string, options ...func(*server.Environment)) *world {
	t.Helper()
	w := &world{inbox: new(inbox.Inbox), usersAway: new(atomic.Bool), smsAway: new(atomic.Bool), erased: new(atomic.Bool)}
	mail := listen(t)
	page := listen(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error)
	go func() { done <- w.inbox.Serve(ctx, mail, page) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("inbox: Run() = %v", err)
		}
	})
	gate := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.smsAway.Load() {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		w.inbox.Handler().ServeHTTP(rw, r)
		if arrived := w.smsSent.Load(); arrived != nil {
			(*arrived)()
		}
	}))
	t.Cleanup(gate.Close)
	users := httptest.NewServer(http.HandlerFunc(w.contacts))
	t.Cleanup(users.Close)
	w.users = users.URL
	w.variables = map[string]string{
		"SMTP_URL": "smtp://" + mail.Addr().String(), "SMS_WEBHOOK_URL": gate.URL + "/sms", "MAIL_FROM": "Shop <shop@test.example>",
	}
	maps.Copy(w.variables, set)
	w.Service = servicetest.Start(t, notification.Run, append([]func(*server.Environment){w.surround}, options...)...)
	return w
}

// surround sets the surroundings of the service.
func (w *world) surround(e *server.Environment) {
	e.Services = map[string]string{"user": w.users}
	e.Lookup = func(key string) (string, bool) { value, ok := w.variables[key]; return value, ok }
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// contacts responds like the user service: user 1 has a telephone number, user
// 2 has none, 3 and 4 have confirmed nothing, those with an ID of three digits
// have both, others do not exist.
func (w *world) contacts(rw http.ResponseWriter, r *http.Request) {
	var q struct{ Variables struct{ UserIDs []string } }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || w.usersAway.Load() {
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	contacts := make([]string, len(q.Variables.UserIDs))
	for i, id := range q.Variables.UserIDs {
		contacts[i] = w.contact(id)
	}
	fmt.Fprintf(rw, `{"data": {"contacts": [%s]}}`, strings.Join(contacts, ", "))
}

func (w *world) contact(id string) string {
	switch {
	case id == "1" && w.erased.Load():
		return `{"displayName": "Erased account", "email": "", "phone": null, "erased": true}`
	case id == "1":
		return `{"displayName": "Anna", "email": "anna@example.com", "emailConfirmed": true, "phone": "+4930123456"}`
	case id == "2":
		return `{"displayName": "Ben", "email": "ben@example.com", "emailConfirmed": true, "phone": null}`
	case id == "3":
		return `{"displayName": "Buy at evil.example now", "email": "carl@example.com", "emailConfirmed": false, "phone": "+4930999"}`
	case id == "4":
		return `{"displayName": "Buy at evil.example now", "email": "Carl@Example.com", "emailConfirmed": false, "phone": "+4930999"}`
	case len(id) == 3:
		return fmt.Sprintf(`{"displayName": "Customer", "email": "c%s@example.com", "emailConfirmed": true, "phone": "+49301%s"}`, id, id)
	default:
		return "null"
	}
}

const data = `{"orderId": "%d", "userId": "%d", "currency": "USD", "total": 201948, "placedAt": "2026-11-24T09:00:00Z", "reason": "too <heavy>",
	"lines": [{"productId": "1", "name": "Laptop & Co", "quantity": 2, "unitPrice": 99999}, {"productId": "4", "name": "Mouse", "quantity": 1, "unitPrice": 1950}]}`

// tell publishes an event like the relay of another service.
func (w *world) tell(t *testing.T, id, kind string, order, user int) {
	t.Helper()
	envelope := fmt.Sprintf(`{"specversion": "1.0", "id": %q, "source": "/souk/order", "type": %q, "subject": "%d", "time": "2026-11-24T09:00:00Z", "datacontenttype": "application/json",
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "data": `+data+`}`, id, kind, order, order, user)
	if _, err := w.Redis.XAdd(events.Stream, "*", []string{"type", kind, "event", envelope}); err != nil {
		t.Fatal(err)
	}
}

// await polls until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func (w *world) count(t *testing.T, query string) (n int) {
	t.Helper()
	if err := w.DB.QueryRow(t.Context(), "SELECT count(*) FROM "+query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func same(t *testing.T, ask, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
		t.Errorf("%s\n got %s\nwant %s", ask, x, y)
	}
}

const (
	first  = "019a0000-0000-7000-8000-000000000001"
	second = "019a0000-0000-7000-8000-000000000002"
)

func TestOrderEventsSendEmailAndSMS(t *testing.T) {
	w := start(t)
	w.tell(t, first, "order.created", 7, 1)
	w.tell(t, first, "order.created", 7, 1) // delivered again
	w.tell(t, second, "order.cancelled", 7, 1)
	await(t, "four messages", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 4 })

	got := map[string]inbox.Message{}
	for _, m := range w.inbox.Messages() {
		if m.Deliveries != 1 {
			t.Errorf("%s: got %d deliveries, want 1", m.ID, m.Deliveries)
		}
		got[m.ID] = m
	}
	created := got[first+".email@test.example"]
	if created.To != "anna@example.com" || created.Subject != "Your order 7 is confirmed" || created.From != `"Shop" <shop@test.example>` {
		t.Errorf("got e-mail %+v", created)
	}
	for _, want := range []string{"Hello Anna,", "24 November 2026", "2 x Laptop & Co: 1999.98 USD", "1 x Mouse: 19.50 USD", "Total: 2019.48 USD"} {
		if !strings.Contains(created.Text, want) {
			t.Errorf("the e-mail does not contain %q:\n%s", want, created.Text)
		}
	}
	if !strings.Contains(created.HTML, "Laptop &amp; Co") {
		t.Errorf("got HTML %s", created.HTML)
	}
	if sms := got[first+".sms"]; sms.To != "+4930123456" || sms.Text != "Souk: Your order 7 for 2019.48 USD is confirmed." {
		t.Errorf("got SMS %+v", sms)
	}
	if m := got[second+".email@test.example"]; m.Subject != "Your order 7 is cancelled" || !strings.Contains(m.Text, "(too <heavy>)") || !strings.Contains(m.HTML, "too &lt;heavy&gt;") {
		t.Errorf("got cancellation %+v", m)
	}
	if n := w.count(t, "event_outbox WHERE type = 'notification.sent'"); n != 4 {
		t.Errorf("got %d notification.sent, want 4", n)
	}
}

func TestGraphQLReturnsNotifications(t *testing.T) {
	w := start(t)
	w.tell(t, first, "order.created", 7, 1)
	await(t, "both", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 2 })
	w.tell(t, second, "order.created", 8, 2)
	await(t, "the third", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 3 })
	for _, step := range []struct{ ask, want string }{
		{
			ask: `{ notification(id: "1") { __typename id user { id } order { id } template status attempts lastError ... on EmailNotification { subject to } } none: notification(id: "9") { id } }`,
			want: `{"notification": {"__typename": "EmailNotification", "id": "1", "user": {"id": "1"}, "order": {"id": "7"}, "template": "order-created", "status": "SENT", "attempts": 1, "lastError": null,
				"subject": "Your order 7 is confirmed", "to": "anna@example.com"}, "none": null}`,
		},
		{
			ask: `{ notifications(first: 2) { nodes { id __typename } totalCount pageInfo { hasNextPage } } mine: notifications(userId: "1", orderId: "7") { nodes { id } } dead: notifications(status: DEAD) { totalCount } }`,
			want: `{"notifications": {"nodes": [{"id": "3", "__typename": "EmailNotification"}, {"id": "2", "__typename": "SmsNotification"}], "totalCount": 3, "pageInfo": {"hasNextPage": true}},
				"mine": {"nodes": [{"id": "2"}, {"id": "1"}]}, "dead": {"totalCount": 0}}`,
		},
		{
			ask: `{ _entities(representations: [{__typename: "User", id: "2"}, {__typename: "Order", id: "7"}, {__typename: "SmsNotification", id: "2"}, {__typename: "EmailNotification", id: "2"},
				{__typename: "User", id: "1"}, {__typename: "Notification", id: "3"}, {__typename: "Order", id: "99"}]) {
				... on User { notifications(first: 1) { nodes { id } totalCount } } ... on Order { about: notifications { id } } ... on SmsNotification { phone } ... on EmailNotification { to } } }`,
			want: `{"_entities": [{"notifications": {"nodes": [{"id": "3"}], "totalCount": 1}}, {"about": [{"id": "2"}, {"id": "1"}]}, {"phone": "+4930123456"}, null,
				{"notifications": {"nodes": [{"id": "2"}], "totalCount": 2}}, {"to": "ben@example.com"}, {"about": []}]}`,
		},
		{ask: `mutation { retryNotification(id: "1") { ... on Conflict { code } } }`, want: `{"retryNotification": {"code": "CONFLICT"}}`},
		{ask: `mutation { retryNotification(id: "99") { ... on NotFound { code } } }`, want: `{"retryNotification": {"code": "NOT_FOUND"}}`},
	} {
		same(t, step.ask, w.Data(t, step.ask, nil), step.want)
	}
}

func TestDeadNotificationCanBeRetried(t *testing.T) {
	w := start(t)
	w.smsAway.Store(true) // it rejects permanently
	w.tell(t, first, "order.created", 7, 1)
	await(t, "a dead letter", func() bool { return w.count(t, "notifications WHERE status = 'DEAD'") == 1 })
	answer := w.Data(t, `{ notifications(status: DEAD) { nodes { id __typename attempts lastError } } }`, nil)
	if !strings.Contains(answer, `"SmsNotification"`) || !strings.Contains(answer, `"attempts":1`) || !strings.Contains(answer, "400 Bad Request") {
		t.Errorf("got dead letters %s", answer)
	}
	w.smsAway.Store(false)
	same(t, "retry", w.Data(t, `mutation { retryNotification(id: "2") { ... on NotificationPayload { notification { status } } } }`, nil),
		`{"retryNotification": {"notification": {"status": "PENDING"}}}`)
	await(t, "the SMS", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 2 })
	same(t, "after the retry", w.Data(t, `{ notification(id: "2") { status attempts lastError } }`, nil),
		`{"notification": {"status": "SENT", "attempts": 2, "lastError": null}}`)
}

func TestEventIsRetriedUntilTheUserServiceResponds(t *testing.T) {
	w := start(t)
	w.usersAway.Store(true)
	w.tell(t, first, "order.created", 7, 2)
	await(t, "a try", func() bool {
		groups, err := w.Redis.Stream(events.Stream)
		return err == nil && len(groups) == 1
	})
	w.usersAway.Store(false)
	await(t, "the e-mail", func() bool { return len(w.inbox.Messages()) == 1 })
}

func TestNotificationsAreHiddenFromOthers(t *testing.T) {
	w := start(t, func(e *server.Environment) { e.AuthMode = server.Enforced })
	w.tell(t, first, "order.created", 7, 2)
	await(t, "the e-mail", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 1 })
	const ask = `{ notification(id: "1") { id } notifications { nodes { id } totalCount } mine: notifications(userId: "2") { totalCount }
		_entities(representations: [{__typename: "User", id: "2"}, {__typename: "Order", id: "7"}, {__typename: "EmailNotification", id: "1"}]) {
			... on User { notifications { totalCount } } ... on Order { about: notifications { id } } ... on EmailNotification { to } } }`
	same(t, "anybody", w.Data(t, ask, nil), `{"notification": null, "notifications": {"nodes": [], "totalCount": 0}, "mine": {"totalCount": 0},
		"_entities": [{"notifications": {"totalCount": 0}}, {"about": []}, null]}`)
	same(t, "a service", w.Data(t, ask, nil, servicetest.AsService), `{"notification": {"id": "1"}, "notifications": {"nodes": [{"id": "1"}], "totalCount": 1}, "mine": {"totalCount": 1},
		"_entities": [{"notifications": {"totalCount": 1}}, {"about": [{"id": "1"}]}, {"to": "ben@example.com"}]}`)
	same(t, "anybody", w.Data(t, `mutation { retryNotification(id: "1") { __typename } }`, nil), `{"retryNotification": {"__typename": "Forbidden"}}`)
}

// If a process dies after sending a message and before marking it, its claim
// expires. The message is sent again, with the same ID.
func TestExpiredClaimIsSentAgainWithTheSameID(t *testing.T) {
	w := start(t)
	w.tell(t, first, "order.created", 7, 2)
	await(t, "the e-mail", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 1 })
	tag, err := w.DB.Exec(t.Context(), `UPDATE notifications SET status = 'PENDING', due_at = now() - interval '1 second'`)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatal(err)
	}
	await(t, "the second delivery", func() bool {
		m := w.inbox.Messages()
		return len(m) == 1 && m[0].Deliveries == 2
	})
	await(t, "the mark", func() bool { return w.count(t, "notifications WHERE status = 'SENT' AND attempts = 2") == 1 })
}

// An event creates one row per channel, however often it arrives.
func TestEventCreatesOneRowPerChannel(t *testing.T) {
	w := start(t)
	w.tell(t, first, "order.created", 7, 2)
	await(t, "the e-mail", func() bool { return w.count(t, "notifications") == 1 })
	_, err := w.DB.Exec(t.Context(), `INSERT INTO notifications (event_id, channel, user_id, template, recipient, subject, body, html, status, allowed, created_at, due_at, traceparent)
		SELECT event_id, channel, user_id, template, recipient, subject, body, html, status, allowed, created_at, due_at, traceparent FROM notifications`)
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		t.Error("a second row for the same event and channel is accepted")
	}
}
