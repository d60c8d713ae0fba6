package notification_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/internal/server"
)

// mailbox is a user service that has e-mails to be sent.
type mailbox struct {
	mu      sync.Mutex
	away    bool              // does not register tokens
	useless bool              // the e-mails have expired
	hashes  map[string]string // the e-mail of each hash
}

func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		OperationName string
		Variables     struct {
			IDs          []string
			MailID, Hash string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case q.OperationName == "AccountMails" && q.Variables.IDs[0] == first:
		fmt.Fprint(w, `{"data": {"accountMails": [{"userId": "1", "purpose": "reset-password", "address": "anna@example.com", "username": "anna",
			"displayName": "click http://evil.example", "expiresAt": "2026-11-24T10:00:00Z"}]}}`)
	case q.OperationName == "AccountMails":
		fmt.Fprint(w, `{"data": {"accountMails": [null]}}`)
	case q.OperationName == "AddAccountToken" && !m.away:
		m.hashes[q.Variables.Hash] = q.Variables.MailID
		fmt.Fprintf(w, `{"data": {"addAccountToken": %t}}`, !m.useless)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// startMailbox starts the service with such a user service.
func startMailbox(t *testing.T, m *mailbox) *world {
	t.Helper()
	m.hashes = map[string]string{}
	users := httptest.NewServer(m)
	t.Cleanup(users.Close)
	return start(t, func(env *server.Environment) { env.Services = map[string]string{"user": users.URL} })
}

func (w *world) tellMail(t *testing.T, id, mail string) {
	t.Helper()
	envelope := fmt.Sprintf(`{"specversion": "1.0", "id": %q, "source": "/souk/user", "type": "user.mail", "subject": %q, "time": "2026-11-24T09:00:00Z", "datacontenttype": "application/json",
		"data": {"mailId": %[2]q}}`, id, mail)
	if _, err := w.Redis.XAdd(events.Stream, "*", []string{"type", "user.mail", "event", envelope}); err != nil {
		t.Fatal(err)
	}
}

// The token of an e-mail is registered by its hash before the e-mail is sent,
// and only the e-mail has it.
func TestTokenIsInTheEmailOnly(t *testing.T) {
	m := &mailbox{away: true}
	w := startMailbox(t, m)
	w.tellMail(t, "019a0000-0000-7000-8000-000000000011", second) // nobody's
	w.tellMail(t, "019a0000-0000-7000-8000-000000000012", first)
	await(t, "an attempt without the user service", func() bool {
		return w.count(t, "notifications WHERE attempts > 0 AND status = 'PENDING' AND last_error LIKE '%user service is unavailable%'") == 1
	})
	if n := len(w.inbox.Messages()); n != 0 {
		t.Fatalf("%d e-mails without a token", n)
	}
	m.mu.Lock()
	m.away = false
	m.mu.Unlock()
	await(t, "the e-mail", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 1 })
	all := w.inbox.Messages()
	if len(all) != 1 || all[0].To != "anna@example.com" || strings.Contains(all[0].Text+all[0].HTML, "evil") {
		t.Fatalf("got %+v", all)
	}
	token := regexp.MustCompile(`\b[A-Z2-7]{26}\b`).FindString(all[0].Text)
	hash := sha256.Sum256([]byte(token))
	m.mu.Lock()
	defer m.mu.Unlock()
	if token == "" || !strings.Contains(all[0].HTML, token) || m.hashes[hex.EncodeToString(hash[:])] != first {
		t.Errorf("the token %q in %q is not registered: %v", token, all[0].Text, m.hashes)
	}
	if n := w.count(t, "notifications n WHERE n::text LIKE '%"+token+"%'"); n != 0 {
		t.Error("the database has the token")
	}
	if n := w.count(t, "notifications"); n != 1 {
		t.Errorf("%d notifications", n)
	}
}

// An e-mail whose token has expired meanwhile is not sent.
func TestUselessEmailIsNotSent(t *testing.T) {
	w := startMailbox(t, &mailbox{useless: true})
	w.tellMail(t, "019a0000-0000-7000-8000-000000000013", first)
	await(t, "a dead notification", func() bool { return w.count(t, "notifications WHERE status = 'DEAD' AND attempts = 1") == 1 })
	if n := len(w.inbox.Messages()); n != 0 {
		t.Errorf("%d e-mails", n)
	}
}
