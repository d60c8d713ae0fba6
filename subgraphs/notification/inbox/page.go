package inbox

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.js
var script []byte

var page = template.Must(template.New("page").Parse(pageText))

// Handler serves the page, the messages as JSON (GET /api/messages, newest
// first; DELETE empties the inbox), the HTML of an e-mail (GET
// /api/messages/ID/html) and the SMS webhook (POST /sms).
func (b *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.showPage)
	mux.HandleFunc("GET /page.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(script) // an error means that the client is gone
	})
	mux.HandleFunc("GET /api/messages", b.showMessages)
	mux.HandleFunc("DELETE /api/messages", func(w http.ResponseWriter, _ *http.Request) {
		b.clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /api/messages/{id}/html", b.showHTML)
	mux.HandleFunc("POST /sms", b.takeSMS)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return mux
}

// showPage serves the page. With ?after=VERSION it first waits for a newer
// version, for at most longPoll.
func (b *Inbox) showPage(w http.ResponseWriter, r *http.Request) {
	if after, err := strconv.Atoi(r.URL.Query().Get("after")); err == nil {
		b.await(r.Context(), after)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:; style-src 'unsafe-inline'")
	version, messages := b.snapshot()
	_ = page.Execute(w, struct {
		Version  int
		Messages []Message
	}{version, messages}) // as above
}

func (b *Inbox) showMessages(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.Messages()) // as above
}

// showHTML serves the HTML of an e-mail in a sandbox, so that it can run
// nothing.
func (b *Inbox) showHTML(w http.ResponseWriter, r *http.Request) {
	for _, m := range b.Messages() {
		if m.ID == r.PathValue("id") && m.HTML != "" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
			_, _ = io.WriteString(w, m.HTML) // as above
			return
		}
	}
	http.Error(w, "The message does not exist or has no HTML.", http.StatusNotFound)
}

// takeSMS accepts what deliver.SMSSender sends: {"to": "+49…", "text": "…"},
// with the message's ID in webhook-id (Standard Webhooks).
func (b *Inbox) takeSMS(w http.ResponseWriter, r *http.Request) {
	var sms struct{ To, Text string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessageBytes)).Decode(&sms)
	id := r.Header.Get("Webhook-Id")
	if err != nil || !strings.HasPrefix(sms.To, "+") || sms.Text == "" || id == "" {
		http.Error(w, `Invalid SMS. Send JSON such as {"to": "+4930123456", "text": "…"} and a webhook-id header.`, http.StatusBadRequest)
		return
	}
	b.add(Message{ID: id, Channel: "sms", To: sms.To, Text: sms.Text})
	w.WriteHeader(http.StatusAccepted)
}
