package canary

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The results of a copy.
const (
	Equal     = "equal"
	Different = "different"
	// Failed: the copy had no response that can be compared.
	Failed = "failed"
	// Dropped: the queue was full.
	Dropped = "dropped"
	// Skipped: the request was no query, or it or a response was too large or could not be
	// compared.
	Skipped = "skipped"
)

// Results are all results of a copy.
func Results() []string { return []string{Equal, Different, Failed, Dropped, Skipped} }

// ShadowOptions configure a Shadow.
type ShadowOptions struct {
	Choice Choice
	// Takes reports whether a URL is of GraphQL requests. Others are not copied.
	Takes func(*url.URL) bool
	// Handler serves the copies. It calls RefuseOthers for operations that are no queries, and does
	// not execute them.
	Handler http.Handler
	// Queue bounds the copies that wait, Concurrency those that run, and MaxBytes the body of a
	// request and of a response to be copied.
	Queue, Concurrency, MaxBytes int
	// Timeout bounds one copy.
	Timeout time.Duration
	// Counted is called with the result of each chosen request.
	Counted func(result string)
	Logger  *slog.Logger
}

// A Shadow executes copies of queries and compares the responses.
type Shadow struct {
	ShadowOptions
	queue   chan *job
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	logged  atomic.Int64 // Unix time in seconds of the last difference in the log

	mu     sync.Mutex
	latest []Difference // the oldest first
}

// maxLatest bounds the differences that a Shadow remembers.
const maxLatest = 20

// A Difference is what distinguished a copy's response.
type Difference struct {
	Time time.Time
	// Count is the number of paths that differ. Paths has some of them, with the kinds of the values.
	Count int
	Paths []string
}

// Differences returns the latest differences, the newest first.
func (s *Shadow) Differences() []Difference {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.latest)
	slices.Reverse(list)
	return list
}

func (s *Shadow) remember(d Difference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.latest) == maxLatest {
		s.latest = slices.Delete(s.latest, 0, 1)
	}
	s.latest = append(s.latest, d)
}

// A job is a request, and the response of which a copy is compared.
type job struct {
	request  *http.Request
	body     []byte
	response []byte
	coding   string
}

// NewShadow returns a Shadow, which the caller must close.
func NewShadow(o ShadowOptions) *Shadow {
	s := &Shadow{ShadowOptions: o, queue: make(chan *job, o.Queue)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for range o.Concurrency {
		s.running.Go(s.work)
	}
	return s
}

// Close ends the copies that run, and drops those that wait.
func (s *Shadow) Close() {
	s.cancel()
	s.running.Wait()
}

func (s *Shadow) work() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case j := <-s.queue:
			s.Counted(s.run(j))
		}
	}
}

// Wrap returns a handler that copies the chosen requests to next.
func (s *Shadow) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Takes(r.URL) || !copyable(r) || !s.Choice.Takes(r) {
			next.ServeHTTP(w, r)
			return
		}
		header := r.Header.Clone() // before middleware changes it
		body := &capturedBody{ReadCloser: r.Body, limit: s.MaxBytes}
		response := &capturedResponse{ResponseWriter: w, limit: s.MaxBytes}
		inner := r.WithContext(r.Context())
		inner.Body = body
		next.ServeHTTP(response, inner)
		s.enqueue(r, header, body, response)
	})
}

// copyable reports whether the form of a request is one of queries: GET, or POST with JSON. Others
// are streams and uploads.
func copyable(r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return false
	}
	switch r.Method {
	case http.MethodGet:
		return true
	case http.MethodPost:
		typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		return err == nil && (typ == "application/json" || typ == "application/graphql-response+json")
	}
	return false
}

func (s *Shadow) enqueue(r *http.Request, header http.Header, body *capturedBody, response *capturedResponse) {
	typ, _, _ := mime.ParseMediaType(response.Header().Get("Content-Type"))
	answered := response.status == http.StatusOK || response.status == statusPartial
	if !answered || response.over || body.over || !body.ended && r.Method == http.MethodPost || typ != "application/json" && typ != "application/graphql-response+json" {
		s.Counted(Skipped)
		return
	}
	copied := &http.Request{
		Method: r.Method, URL: r.URL, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: r.Host, RemoteAddr: r.RemoteAddr,
		Header: header, ContentLength: int64(len(body.kept)), TLS: r.TLS,
	}
	header.Del("Accept-Encoding")
	select {
	case s.queue <- &job{request: copied, body: body.kept, response: response.kept, coding: response.Header().Get("Content-Encoding")}:
	default:
		s.Counted(Dropped)
	}
}

// statusPartial is the status of a response with data and errors (GraphQL over HTTP).
const statusPartial = 294

type refusedKey struct{}

// RefuseOthers notes that the operation in a copy is no query, so that it is not executed.
func RefuseOthers(ctx context.Context) {
	if refused, ok := ctx.Value(refusedKey{}).(*atomic.Bool); ok {
		refused.Store(true)
	}
}

// run executes a copy and compares the responses.
func (s *Shadow) run(j *job) string {
	var refused atomic.Bool
	ctx, cancel := context.WithTimeout(context.WithValue(s.ctx, refusedKey{}, &refused), s.Timeout)
	defer cancel()
	r := j.request.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(j.body))
	w := &recorder{header: http.Header{}, limit: s.MaxBytes}
	if !s.serve(w, r) {
		return Failed
	}
	original, err := decoded(j.response, j.coding, s.MaxBytes)
	if refused.Load() || err != nil || w.over {
		return Skipped
	}
	paths, total, err := differences(original, w.body)
	switch {
	case err != nil || w.status != http.StatusOK && w.status != statusPartial:
		s.log("a copy of a query failed in the canary", "status", w.status)
		return Failed
	case total > 0:
		s.remember(Difference{Time: time.Now(), Count: total, Paths: paths})
		s.log("the canary's response to a copy of a query differs", "differences", total, "paths", paths)
		return Different
	}
	return Equal
}

// serve executes a copy. It reports false if the handler panics, which must not end the process.
func (s *Shadow) serve(w http.ResponseWriter, r *http.Request) (completed bool) {
	defer func() {
		if v := recover(); v != nil {
			s.log("the canary panicked", "panic", v)
		}
	}()
	s.Handler.ServeHTTP(w, r)
	return true
}

// log logs at most one message a second.
func (s *Shadow) log(message string, args ...any) {
	now, last := time.Now().Unix(), s.logged.Load()
	if now != last && s.logged.CompareAndSwap(last, now) {
		s.Logger.Warn(message, args...)
	}
}
