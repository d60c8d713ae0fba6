package deliver_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"souk/subgraphs/notification/deliver"
	"souk/subgraphs/notification/inbox"
)

func TestSMSSenderSignsRequestsAndClassifiesFailures(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if string(body) != `{"to":"+4930123456","text":"Hello"}` {
			t.Errorf("got body %s", body)
		}
		want := deliver.Signature([]byte("secret"), "id-1", "1700000000", body)
		for header, value := range map[string]string{
			"Webhook-Id": "id-1", "Webhook-Timestamp": "1700000000", "Webhook-Signature": want, "Idempotency-Key": `"id-1"`,
		} {
			if got := r.Header.Get(header); got != value {
				t.Errorf("%s = %q, want %q", header, got, value)
			}
		}
		w.WriteHeader(status)
	}))
	defer s.Close()
	texter, err := deliver.NewSMSSender(s.URL, "secret", nil, func() time.Time { return time.Unix(1700000000, 0) })
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		status        int
		ok, permanent bool
	}{
		{status: 200, ok: true, permanent: false},
		{status: 202, ok: true, permanent: false},
		{status: 400, ok: false, permanent: true},
		{status: 429, ok: false, permanent: false},
		{status: 500, ok: false, permanent: false},
		{status: 503, ok: false, permanent: false},
	} {
		status = test.status
		err := texter.Send(t.Context(), deliver.Message{ID: "id-1", To: "+4930123456", Body: "Hello"})
		if (err == nil) != test.ok || deliver.IsPermanent(err) != test.permanent {
			t.Errorf("status %d: got error %v", test.status, err)
		}
	}
}

// The example is from the libraries of the Standard Webhooks specification.
func TestSignatureMatchesStandardWebhooks(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := deliver.Signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got signature %q, want %q", got, want)
	}
}

func TestInvalidSettingsAreRejected(t *testing.T) {
	for _, test := range []struct{ server, from, says string }{
		{server: "smtp://localhost:25", from: "nobody", says: "address such as"},
		{server: "localhost:25", from: "a@b.example", says: "URL such as"},
		{server: "http://localhost", from: "a@b.example", says: "URL such as"},
		{server: "smtp://localhost?tls=maybe", from: "a@b.example", says: "tls=maybe"},
		{server: "smtp://user:password@localhost:587?tls=required", from: "Souk <a@b.example>", says: ""},
		{server: "smtps://localhost", from: "a@b.example", says: ""},
	} {
		_, err := deliver.NewEmailSender(test.server, test.from)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s from %s: got error %v", test.server, test.from, err)
		}
	}
	if _, err := deliver.NewSMSSender("sms.example", "", nil, time.Now); err == nil {
		t.Error("an invalid webhook URL is accepted")
	}
}

func TestEmailSenderDeliversOverSMTP(t *testing.T) {
	var box inbox.Inbox
	mail, page := listen(t), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- box.Serve(ctx, mail, page) }()
	mailer, err := deliver.NewEmailSender("smtp://"+mail.Addr().String(), "Größe <shop@test.example>")
	if err != nil {
		t.Fatal(err)
	}
	message := deliver.Message{ID: "id-1", To: "anna@example.com", Subject: "Grüße", Body: "Hällo\n" + strings.Repeat("long ", 100), HTML: "<p>Hällo</p>"}
	for range 2 {
		if err := mailer.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	got := box.Messages()
	if len(got) != 1 || got[0].ID != "id-1@test.example" || got[0].Deliveries != 2 || got[0].Subject != "Grüße" ||
		strings.ReplaceAll(got[0].Text, "\r\n", "\n") != message.Body || got[0].HTML != message.HTML || !strings.Contains(got[0].From, "Größe") {
		t.Errorf("got message %+v", got)
	}
	if err := mailer.Send(t.Context(), deliver.Message{ID: "x", To: "no address", Body: "x"}); !deliver.IsPermanent(err) {
		t.Errorf("empty address: got error %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := mailer.Send(t.Context(), message); err == nil || deliver.IsPermanent(err) {
		t.Errorf("without a server: got error %v", err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
