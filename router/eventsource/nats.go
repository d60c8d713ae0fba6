package eventsource

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"souk/router/internal/tlsfile"
)

// natsPage is the number of messages after which Range makes sure again that none is missing.
const natsPage = 128

// NATSOptions configure a connection to NATS.
type NATSOptions struct {
	// URLs are the servers, such as nats://localhost:4222.
	URLs []string
	// Username and Password, Token, or CredentialsFile authenticate the router.
	Username, Password, Token, CredentialsFile string
	// TLS has the configuration of connections, or is nil for none but that of tls:// URLs.
	TLS *tlsfile.Source
	// Wait is the delay between two attempts to connect.
	Wait time.Duration
}

// A NATS is a Source of streams of NATS JetStream. The name of a topic is a subject without
// wildcards. A stream must keep the messages of that subject. A cursor is the sequence number of
// a message in the stream. All topics share one connection.
type NATS struct {
	conn *nats.Conn
	js   jetstream.JetStream
	// failed is why the last attempt to open a connection has failed.
	failed *atomic.Pointer[error]
}

var _ Source = (*NATS)(nil)

// NewNATS returns a Source. It connects in the background.
func NewNATS(o NATSOptions) (*NATS, error) {
	failed := &atomic.Pointer[error]{}
	options := []nats.Option{nats.Name("souk"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(o.Wait), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { failed.Store(&err) })}
	if o.Username != "" || o.Password != "" {
		options = append(options, nats.UserInfo(o.Username, o.Password))
	}
	if o.Token != "" {
		options = append(options, nats.Token(o.Token))
	}
	if o.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(o.CredentialsFile))
	}
	if o.TLS != nil {
		options = append(options, natsTLS(o.TLS))
	}
	conn, err := nats.Connect(strings.Join(o.URLs, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	return &NATS{conn: conn, js: js, failed: failed}, nil
}

// natsTLS secures connections. The library copies the configuration, so it asks source for what
// may have changed.
func natsTLS(source *tlsfile.Source) nats.Option {
	c := source.Config()
	fixed := &tls.Config{MinVersion: c.MinVersion, ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // as configured
		VerifyConnection: func(state tls.ConnectionState) error {
			if verify := source.Config().VerifyConnection; verify != nil {
				return verify(state)
			}
			return nil
		}}
	return func(o *nats.Options) error {
		o.Secure, o.TLSConfig = true, fixed
		o.RootCAsCB = func() (*x509.CertPool, error) { return source.Config().RootCAs, nil }
		if len(c.Certificates) > 0 {
			o.TLSCertCB = func() (tls.Certificate, error) { return source.Config().Certificates[0], nil }
		}
		return nil
	}
}

// explain adds why there is no connection to an error, which is else only that the time is over.
func (n *NATS) explain(err error) error {
	if n.conn.IsConnected() {
		return err
	}
	cause := n.conn.LastError() // of the handshake
	if dial := n.failed.Load(); cause == nil && dial != nil {
		cause = *dial
	}
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w: the last attempt to connect has failed: %w", err, cause)
}

// Close implements Source.
func (n *NATS) Close() error {
	n.conn.Close()
	return nil
}

// CheckTopic implements Source.
func (n *NATS) CheckTopic(literal string) error {
	if strings.ContainsAny(literal, "*>") {
		return errors.New("a subject with the wildcard * or > is not one topic")
	}
	return nil
}

// Advance implements Source.
func (n *NATS) Advance(cursor string, e *Event) string {
	if n.Behind(cursor, e.ID) {
		return e.ID
	}
	return cursor
}

// Behind implements Source.
func (n *NATS) Behind(cursor, other string) bool { return sequence(cursor) < sequence(other) }

// sequence returns the number in a cursor that is known to be valid.
func sequence(cursor string) uint64 {
	n, _ := strconv.ParseUint(cursor, 10, 64)
	return n
}

func (n *NATS) stream(ctx context.Context, topic string) (jetstream.Stream, error) {
	name, err := n.js.StreamNameBySubject(ctx, topic)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("no stream of JetStream keeps the subject %s; create one: %w", topic, err)
	}
	if err != nil {
		return nil, n.explain(fmt.Errorf("looking for the stream of the subject %s: %w", topic, err))
	}
	s, err := n.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("opening the stream %s: %w", name, err)
	}
	return s, nil
}

// End implements Source.
func (n *NATS) End(ctx context.Context, topic string) (string, error) {
	s, err := n.stream(ctx, topic)
	if err != nil {
		return "", err
	}
	return strconv.FormatUint(s.CachedInfo().State.LastSeq, 10), nil
}

// Verify implements Source.
func (n *NATS) Verify(ctx context.Context, topic, cursor string) error {
	at, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil {
		return ErrInvalidCursor
	}
	s, err := n.stream(ctx, topic)
	if err != nil {
		return err
	}
	return covers(s.CachedInfo().State, at)
}

// covers returns an error unless a stream still has all messages after a sequence number.
func covers(state jetstream.StreamState, at uint64) error {
	switch {
	case at > state.LastSeq:
		return fmt.Errorf("%w: the last one is %d", ErrInvalidCursor, state.LastSeq)
	case at+1 < state.FirstSeq:
		return fmt.Errorf("%w: the stream begins at %d", ErrTrimmed, state.FirstSeq)
	}
	return nil
}

// continues converts the error of a reader's own position. If the stream has not reached it, it
// was created again, and what happened meanwhile is unknown.
func continues(err error) error {
	if errors.Is(err, ErrInvalidCursor) {
		return fmt.Errorf("%w: the stream was created again", ErrTrimmed)
	}
	return err
}

// Range implements Source.
func (n *NATS) Range(ctx context.Context, topic, after, until string, deliver func(*Event) error) error {
	s, err := n.stream(ctx, topic)
	if err != nil {
		return err
	}
	at, end := sequence(after), sequence(until)
	for {
		from := at
		var page []*Event
		more := true
		for more && len(page) < natsPage {
			m, err := s.GetMsg(ctx, at+1, jetstream.WithGetMsgSubject(topic))
			switch {
			case errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Sequence > end:
				more = false
			case err != nil:
				return fmt.Errorf("reading the message after %d: %w", at, err)
			default:
				page = append(page, &Event{ID: strconv.FormatUint(m.Sequence, 10), Payload: m.Data})
				at = m.Sequence
			}
		}
		info, err := s.Info(ctx)
		if err != nil {
			return fmt.Errorf("reading the state of the stream: %w", err)
		}
		if err := covers(info.State, from); err != nil {
			return err
		}
		for _, e := range page {
			if err := deliver(e); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// Follow implements Source. The library creates the consumer of the stream again when the
// connection was lost; then its numbers begin again.
func (n *NATS) Follow(ctx context.Context, topic, after string, deliver func(*Event)) error {
	s, err := n.stream(ctx, topic)
	if err != nil {
		return err
	}
	at := sequence(after)
	if err := continues(covers(s.CachedInfo().State, at)); err != nil {
		return err
	}
	consumer, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{topic}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: at + 1,
	})
	if err != nil {
		return fmt.Errorf("creating a consumer: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("reading messages: %w", err)
	}
	defer context.AfterFunc(ctx, messages.Stop)()
	defer messages.Stop()
	for first := true; ; first = false {
		m, err := messages.Next()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading messages: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("reading a message: %w", err)
		}
		if !first && meta.Sequence.Consumer == 1 {
			if err := continues(n.Verify(ctx, topic, strconv.FormatUint(at, 10))); err != nil {
				return err
			}
		}
		at = meta.Sequence.Stream
		deliver(&Event{ID: strconv.FormatUint(at, 10), Payload: m.Data()})
	}
}
