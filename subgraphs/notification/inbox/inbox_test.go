package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func post(b *Inbox, id, body string) int {
	request := httptest.NewRequest(http.MethodPost, "/sms", strings.NewReader(body))
	if id != "" {
		request.Header.Set("Webhook-Id", id)
	}
	recorder := httptest.NewRecorder()
	b.Handler().ServeHTTP(recorder, request)
	return recorder.Code
}

func get(b *Inbox, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	b.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return recorder
}

func TestWebhookRejectsInvalidSMS(t *testing.T) {
	var b Inbox
	const sms = `{"to": "+4930123456", "text": "Hello"}`
	for _, test := range []struct {
		id, body string
		status   int
	}{
		{id: "1", body: sms, status: 202},
		{id: "1", body: sms, status: 202},
		{id: "", body: sms, status: 400},
		{id: "2", body: `{"to": "030", "text": "Hello"}`, status: 400},
		{id: "2", body: `{"to": "+1"}`, status: 400},
		{id: "2", body: `{`, status: 400},
	} {
		if status := post(&b, test.id, test.body); status != test.status {
			t.Errorf("%q %s: got status %d, want %d", test.id, test.body, status, test.status)
		}
	}
	if m := b.Messages(); len(m) != 1 || m[0].Deliveries != 2 || m[0].To != "+4930123456" || m[0].Text != "Hello" {
		t.Errorf("got messages %+v", m)
	}
}

func TestInboxKeepsTheNewestMessages(t *testing.T) {
	var b Inbox
	for i := range maxMessages + 5 {
		b.add(Message{ID: fmt.Sprint(i), Channel: "sms", To: "+1"})
	}
	if m := b.Messages(); len(m) != maxMessages || m[0].ID != fmt.Sprint(maxMessages+4) || m[maxMessages-1].ID != "5" {
		t.Errorf("got %d messages from %s to %s", len(m), m[0].ID, m[len(m)-1].ID)
	}
}

func TestPageEscapesMessages(t *testing.T) {
	var b Inbox
	if page := get(&b, "/").Body.String(); !strings.Contains(page, "Nothing has been sent yet") {
		t.Errorf("empty inbox: got page %s", page)
	}
	if list := strings.TrimSpace(get(&b, "/api/messages").Body.String()); list != "[]" {
		t.Errorf("empty inbox: got list %s", list)
	}
	b.add(Message{ID: "a@b", Channel: "email", To: "anna@example.com", Subject: "<script>", Text: "Hello", HTML: "<p>Hello</p>"})
	if page := get(&b, "/").Body.String(); !strings.Contains(page, "&lt;script&gt;") || strings.Contains(page, "<script>") || strings.Contains(page, "http-equiv") {
		t.Errorf("got page %s", page)
	}
	var list []Message
	if err := json.Unmarshal(get(&b, "/api/messages").Body.Bytes(), &list); err != nil || len(list) != 1 || list[0].Channel != "email" {
		t.Errorf("got list %+v, err %v", list, err)
	}
	html := get(&b, "/api/messages/a@b/html")
	if html.Body.String() != "<p>Hello</p>" || !strings.HasPrefix(html.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("got %s, headers %v", html.Body, html.Header())
	}
	if status := get(&b, "/api/messages/x/html").Code; status != http.StatusNotFound {
		t.Errorf("unknown message: got status %d", status)
	}
}

// The page's script requests what follows the version that it shows.
func TestPageWaitsForNewMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Inbox
		answered := make(chan string)
		ask := func() { answered <- get(&b, "/?after=0").Body.String() }
		go ask()
		synctest.Wait()
		b.add(Message{ID: "1", Channel: "sms", To: "+1", Text: "Hello"})
		if page := <-answered; !strings.Contains(page, "Hello") || !strings.Contains(page, `data-version="1"`) {
			t.Errorf("got page %s", page)
		}
		if page := get(&b, "/?after=0").Body.String(); !strings.Contains(page, "Hello") {
			t.Errorf("page with new messages: waited, got %s", page)
		}
		began := time.Now()
		get(&b, "/?after=1")
		if waited := time.Since(began); waited != longPoll {
			t.Errorf("waited and got %s", waited)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Message-ID: <1@x>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain\r\n\r\nHello"))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := parse(raw); err == nil && m.ID == "" {
			t.Errorf("got a message without an ID: %+v", m)
		}
	})
}

// An inbox whose context ends before its servers have begun stops, too.
func TestInboxStopsBeforeItHasStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 200 {
		var listeners [2]net.Listener
		for i := range listeners {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			listeners[i] = l
		}
		if err := new(Inbox).Serve(ctx, listeners[0], listeners[1]); err != nil {
			t.Fatal(err)
		}
	}
}
