package callback

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"souk/internal/memory"
	"souk/router/internal/body"
	"souk/router/internal/jsonscan"
)

// Protocol is the version of the protocol, as the header Subscription-Protocol states it.
const Protocol = "callback/1.0"

// Accept is the media type of requests for a subscription.
const Accept = "application/json;callbackSpec=1.0"

// A Receiver has the open subscriptions. It is safe for concurrent use.
type Receiver struct {
	observe func(action, result string)

	mu   sync.Mutex
	open map[string]*Subscription
}

// NewReceiver returns a Receiver without subscriptions. observe is called for each message with
// its action (check, next, complete, or other if it is not known) and result (ok, unknown,
// unauthorized or invalid).
func NewReceiver(observe func(action, result string)) *Receiver {
	return &Receiver{observe: observe, open: map[string]*Subscription{}}
}

// ErrTooMany means that the maximum number of subscriptions is open.
var ErrTooMany = errors.New("too many subscriptions are open by HTTP callback")

// Open opens a subscription unless most are open; 0 means no limit. The caller must close it.
func (r *Receiver) Open(most int) (*Subscription, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if most > 0 && len(r.open) >= most {
		return nil, ErrTooMany
	}
	s := &Subscription{
		ID: rand.Text(), Verifier: rand.Text(), receiver: r,
		messages: make(chan *Message), heard: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	r.open[s.ID] = s
	return s, nil
}

func (r *Receiver) find(id string) *Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[id]
}

func (r *Receiver) remove(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, s.ID)
}

// A refusal is the response to a message that is not accepted.
type refusal struct {
	status int
	result string
	detail string
}

// Handler returns the handler of the pattern "POST PATH/{id}". bodies bounds the messages. A
// message for a subscription that is not open is refused before it is read: its ID is a secret.
func (r *Receiver) Handler(bodies *body.Reader) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Subscription-Protocol", Protocol)
		w.Header().Set("Cache-Control", "no-store")
		action, refused := r.receive(bodies, w, req)
		if refused != nil {
			r.observe(action, refused.result)
			http.Error(w, refused.detail, refused.status)
			return
		}
		r.observe(action, "ok")
		w.WriteHeader(http.StatusNoContent)
	})
}

// A sent message is the body of a request.
type sent struct {
	Kind     string          `json:"kind"`
	Action   string          `json:"action"`
	ID       string          `json:"id"`
	Verifier string          `json:"verifier"`
	Payload  json.RawMessage `json:"payload"`
	Errors   json.RawMessage `json:"errors"`
}

func (r *Receiver) receive(bodies *body.Reader, w http.ResponseWriter, req *http.Request) (action string, refused *refusal) {
	action = "other"
	s := r.find(req.PathValue("id"))
	if s == nil {
		return action, unknown()
	}
	if media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return action, invalid(http.StatusUnsupportedMediaType, "Content-Type must be application/json.")
	}
	bodies.Arm(w, req)
	var lease memory.Lease
	defer lease.Release()
	text := newBuffer()
	defer text.free()
	whole := req.Body // Read may replace it
	if err := bodies.Read(w, req, &text.Buffer, &lease); err != nil {
		status := http.StatusBadRequest
		if failed := (*body.Error)(nil); errors.As(err, &failed) {
			status = failed.Status
		}
		if status == http.StatusRequestEntityTooLarge {
			discard(whole)
		}
		return action, invalid(status, err.Error())
	}
	var m sent
	if err := json.Unmarshal(text.Bytes(), &m); err != nil {
		return action, invalid(http.StatusBadRequest, "The message is not a JSON object of the callback protocol.")
	}
	switch m.Action {
	case "check", "next", "complete":
		action = m.Action
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(m.Verifier), []byte(s.Verifier)) != 1:
		return action, &refusal{http.StatusUnauthorized, "unauthorized", "The verifier is not that of the subscription."}
	case m.Kind != "subscription":
		return action, invalid(http.StatusBadRequest, fmt.Sprintf("kind is %.50q, but must be subscription.", m.Kind))
	case m.ID != s.ID:
		return action, invalid(http.StatusBadRequest, "id is not that of the subscription in the URL.")
	}
	return action, s.accept(req, &m)
}

// maxDiscarded bounds how much of a message that is too long is read.
const maxDiscarded = 64 << 20

// discard reads the rest of a message that is refused. Many clients send a whole message before
// they read the response: they would see that the connection is reset. The deadline for the body
// bounds the time.
func discard(rest io.Reader) {
	_, _ = io.CopyN(io.Discard, rest, maxDiscarded) // an error ends the connection, which net/http sees, too
}

func unknown() *refusal {
	return &refusal{http.StatusNotFound, "unknown", "This subscription is not open."}
}

func invalid(status int, detail string) *refusal { return &refusal{status, "invalid", detail} }

// accept hands a message to the subscription.
func (s *Subscription) accept(req *http.Request, m *sent) *refusal {
	s.last.Store(time.Now().UnixNano())
	select {
	case s.heard <- struct{}{}:
	default:
	}
	out := &Message{done: make(chan struct{})}
	switch m.Action {
	case "check":
		return nil
	case "next":
		if len(m.Payload) == 0 || jsonscan.KindOf(m.Payload) != jsonscan.KindObject {
			return invalid(http.StatusBadRequest, "payload must be a GraphQL response.")
		}
		out.Payload = m.Payload
	case "complete":
		out.Complete = true
		if len(m.Errors) > 0 && string(m.Errors) != "null" {
			if jsonscan.KindOf(m.Errors) != jsonscan.KindArray {
				return invalid(http.StatusBadRequest, "errors must be a list of GraphQL errors.")
			}
			out.Errors = m.Errors
		}
	default:
		return invalid(http.StatusBadRequest, fmt.Sprintf("action is %.50q, but must be check, next or complete.", m.Action))
	}
	if !s.send(req.Context(), out) {
		return unknown()
	}
	return nil
}
