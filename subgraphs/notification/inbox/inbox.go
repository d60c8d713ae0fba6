package inbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	// maxMessages is how many messages the inbox keeps. Newer ones replace the
	// oldest.
	maxMessages = 1000
	// maxMessageBytes bounds the size of a message.
	maxMessageBytes = 1 << 20
	ioTimeout       = 10 * time.Second
	// longPoll is how long a request for new messages waits.
	longPoll = 25 * time.Second
)

// Message is a received message.
type Message struct {
	ID         string    `json:"id"`
	Channel    string    `json:"channel"` // email or sms
	From       string    `json:"from,omitempty"`
	To         string    `json:"to"` // an e-mail address or a telephone number
	Subject    string    `json:"subject,omitempty"`
	Text       string    `json:"text"`
	HTML       string    `json:"html,omitempty"`
	ReceivedAt time.Time `json:"receivedAt"` // the first time
	Deliveries int       `json:"deliveries"` // more than 1 for a duplicate
}

// Inbox keeps received messages. The zero value is an empty inbox, ready to
// use.
type Inbox struct {
	mu       sync.Mutex
	messages []Message // oldest first
	// version counts changes. changed is closed at the next change; it is nil
	// if no request waits.
	version int
	changed chan struct{}

	middleware func(http.Handler) http.Handler
}

// Messages returns the messages, newest first.
func (b *Inbox) Messages() []Message {
	_, messages := b.snapshot()
	return messages
}

// snapshot returns the messages, newest first, and their version.
func (b *Inbox) snapshot() (version int, newestFirst []Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := make([]Message, len(b.messages))
	for i, m := range b.messages {
		messages[len(messages)-1-i] = m
	}
	return b.version, messages
}

// add stores a message, or counts another delivery of a known one.
func (b *Inbox) add(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.messages {
		if known := &b.messages[i]; known.ID == m.ID && known.Channel == m.Channel && known.To == m.To {
			known.Deliveries++
			b.change()
			return
		}
	}
	m.Deliveries, m.ReceivedAt = 1, time.Now().UTC()
	if len(b.messages) == maxMessages {
		b.messages = append(b.messages[:0], b.messages[1:]...)
	}
	b.messages = append(b.messages, m)
	b.change()
}

// change wakes waiting requests. The caller holds mu.
func (b *Inbox) change() {
	b.version++
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// await waits until the version differs, ctx ends or longPoll has passed.
func (b *Inbox) await(ctx context.Context, version int) {
	b.mu.Lock()
	if b.version != version {
		b.mu.Unlock()
		return
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	changed := b.changed
	b.mu.Unlock()
	timer := time.NewTimer(longPoll)
	defer timer.Stop()
	select {
	case <-changed:
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (b *Inbox) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = nil
	b.change()
}

// Run serves SMTP and HTTP at the addresses until ctx ends. Use addresses of
// the loopback interface: everyone who can reach them can read all messages.
// The middleware, if not nil, wraps all of HTTP.
func Run(ctx context.Context, smtpAddr, httpAddr string, middleware func(http.Handler) http.Handler) error {
	var config net.ListenConfig
	mail, err := config.Listen(ctx, "tcp", smtpAddr)
	if err != nil {
		return fmt.Errorf("starting the inbox: cannot listen on %s: %w", smtpAddr, err)
	}
	page, err := config.Listen(ctx, "tcp", httpAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("starting the inbox: cannot listen on %s: %w", httpAddr, err), mail.Close())
	}
	b := &Inbox{middleware: middleware}
	return b.Serve(ctx, mail, page)
}

// Serve serves SMTP and HTTP until ctx ends. It closes the listeners.
func (b *Inbox) Serve(ctx context.Context, mail, page net.Listener) error {
	receiver := b.newSMTPServer()
	handler := b.Handler()
	if b.middleware != nil {
		handler = b.middleware(handler)
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: ioTimeout}
	ended := make(chan error, 2)
	go func() { ended <- receiver.Serve(mail) }()
	go func() { ended <- web.Serve(page) }()
	var err error
	waiting := 2
	select {
	case <-ctx.Done():
	case err = <-ended:
		waiting--
	}
	_ = receiver.Close()
	_ = mail.Close() // in case the receiver was closed before it had the listener
	_ = web.Close()
	for range waiting {
		<-ended //nolint:errcheck // closed on purpose; err holds the first failure
	}
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
