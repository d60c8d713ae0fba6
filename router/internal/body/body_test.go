package body_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"souk/internal/memory"
	"souk/router/internal/body"
)

// encoders are the encoders by coding. "raw" is deflate without the zlib format.
var encoders = map[string]func(io.Writer) (io.WriteCloser, error){
	"gzip":   func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	"x-gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	"br":     func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil },
	"zstd":   func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	"deflate": func(w io.Writer) (io.WriteCloser, error) {
		return zlib.NewWriter(w), nil
	},
	"raw": func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) },
}

func encode(t testing.TB, coding, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := encoders[coding](&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t testing.TB, limit int, coding string, sent []byte) (string, *body.Error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(sent))
	if coding != "" {
		r.Header.Set("Content-Encoding", coding)
	}
	var into bytes.Buffer
	err := body.NewReader(body.Limits{Bytes: limit}).Read(httptest.NewRecorder(), r, &into, new(memory.Lease))
	var failed *body.Error
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("got an error of type %T: %v", err, err)
	}
	return into.String(), failed
}

func TestBodiesAreDecoded(t *testing.T) {
	const text = `{"query":"{ hello }"}`
	for coding := range encoders {
		sent := encode(t, coding, text)
		header := strings.Replace(coding, "raw", "deflate", 1)
		for _, header := range []string{header, strings.ToUpper(header), "identity, " + header} {
			if got, err := read(t, len(sent)+len(text), header, sent); err != nil || got != text {
				t.Errorf("%s: got %q, %v", header, got, err)
			}
		}
	}
	for _, coding := range []string{"", "identity", "identity, identity"} {
		if got, err := read(t, len(text), coding, []byte(text)); err != nil || got != text {
			t.Errorf("%q: got %q, %v", coding, got, err)
		}
	}
	if got, err := read(t, 1, "gzip", nil); err != nil || got != "" {
		t.Errorf("an empty body: got %q, %v", got, err)
	}
}

// TestDecodedSizeIsLimited checks that the limit applies exactly to the decoded size.
func TestDecodedSizeIsLimited(t *testing.T) {
	const limit = 4096
	for coding := range encoders {
		header := strings.Replace(coding, "raw", "deflate", 1)
		if got, err := read(t, limit, header, encode(t, coding, strings.Repeat("a", limit))); err != nil || len(got) != limit {
			t.Errorf("%s: %d bytes of %d: %v", coding, len(got), limit, err)
		}
		got, err := read(t, limit, header, encode(t, coding, strings.Repeat("a", 100*limit)))
		if err == nil || err.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: too much was decoded: %v", coding, err)
		}
		if len(got) > limit+1 {
			t.Errorf("%s: %d bytes were decoded", coding, len(got))
		}
	}
	if _, err := read(t, limit, "", make([]byte, limit+1)); err == nil || err.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too long: %v, want status 413", err)
	}
}

func TestUnknownCodingsAreRejected(t *testing.T) {
	for _, coding := range []string{"compress", "gzip, gzip", "gzip;q=1", "rot13"} {
		_, err := read(t, 100, coding, []byte("x"))
		if err == nil || err.Status != http.StatusUnsupportedMediaType || err.Header.Get("Accept-Encoding") != "gzip, br, zstd, deflate" {
			t.Errorf("%s: %+v", coding, err)
		}
	}
}

func TestCorruptBodiesAreRejected(t *testing.T) {
	for coding := range encoders {
		header := strings.Replace(coding, "raw", "deflate", 1)
		sent := encode(t, coding, strings.Repeat("hello ", 50))
		for name, broken := range map[string][]byte{"cut": sent[:len(sent)/2], "not encoded": []byte(`{"query":"{ hello }"}`)} {
			if got, err := read(t, 1<<20, header, broken); err == nil || err.Status != http.StatusBadRequest {
				t.Errorf("%s, %s: got %q, %v", coding, name, got, err)
			}
		}
	}
	for name, broken := range map[string][]byte{
		// A frame that declares a window of 128 MiB.
		"zstd": {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00},
		// A stream that declares a window of 16 MiB.
		"br": append([]byte{0x0f}, make([]byte, 8)...),
	} {
		if _, err := read(t, 1<<20, name, broken); err == nil || err.Status != http.StatusBadRequest || !strings.Contains(err.Detail, "window") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// slowServer starts a server with a short time limit for bodies.
func slowServer(t *testing.T, reads bool) (address string, failed chan *body.Error) {
	t.Helper()
	rd := body.NewReader(body.Limits{Bytes: 1 << 20, Timeout: 50 * time.Millisecond})
	failed = make(chan *body.Error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rd.Arm(w, r)
		if !reads {
			return
		}
		var into bytes.Buffer
		if err := rd.Read(w, r, &into, new(memory.Lease)); err != nil {
			var e *body.Error
			if errors.As(err, &e) {
				w.WriteHeader(e.Status)
			}
			failed <- e
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), failed
}

// TestSlowBodiesTimeOut checks the time limit for a body that does not arrive,
// whether the handler reads it or not.
func TestSlowBodiesTimeOut(t *testing.T) {
	for _, reads := range []bool{true, false} {
		address, failed := slowServer(t, reads)
		for _, length := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\n"+length+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(c) // ends with the connection
			if err != nil {
				t.Errorf("%s, read %v: the connection stays open: %v", length, reads, err)
			}
			want := "HTTP/1.1 200"
			if reads {
				want = "HTTP/1.1 408"
				if e := <-failed; e.Status != http.StatusRequestTimeout {
					t.Errorf("%s: %+v", length, e)
				}
			}
			if !strings.HasPrefix(string(answer), want) {
				t.Errorf("%s, read %v: got %.80q", length, reads, answer)
			}
			c.Close()
		}
	}
}

// A watchedListener records the read deadline of the connection it accepted
// last.
type watchedListener struct {
	net.Listener
	deadline atomic.Pointer[time.Time]
}

func (l *watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &watchedConn{Conn: c, of: l}, err
}

type watchedConn struct {
	net.Conn
	of *watchedListener
}

func (c *watchedConn) SetReadDeadline(t time.Time) error {
	c.of.deadline.Store(&t)
	return c.Conn.SetReadDeadline(t)
}

// TestDeadlineEndsWithBody checks that the deadline is removed after the body.
func TestDeadlineEndsWithBody(t *testing.T) {
	rd := body.NewReader(body.Limits{Timeout: time.Hour})
	var listener watchedListener
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rd.Arm(w, r)
		if listener.deadline.Load().Before(time.Now().Add(time.Minute)) {
			t.Error("the body has no deadline")
		}
		var into bytes.Buffer
		if err := rd.Read(w, r, &into, new(memory.Lease)); err != nil {
			t.Error(err)
		}
		if !listener.deadline.Load().IsZero() {
			t.Error("the deadline stays after the body")
		}
	}))
	listener.Listener, server.Listener = server.Listener, &listener
	server.Start()
	defer server.Close()
	for _, sent := range []io.Reader{strings.NewReader("hello"), io.MultiReader(strings.NewReader("chunked"))} {
		res, err := server.Client().Post(server.URL, "text/plain", sent)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
}

// FuzzRead checks that no body is decoded to more bytes than the limit.
func FuzzRead(f *testing.F) {
	for coding := range encoders {
		f.Add(strings.Replace(coding, "raw", "deflate", 1), encode(f, coding, strings.Repeat("hello ", 100)))
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, coding string, sent []byte) {
		if got, err := read(t, limit, coding, sent); err == nil && len(got) > limit {
			t.Errorf("%s: %d bytes", coding, len(got))
		}
	})
}

// TestBodiesAreChargedToTheBudget checks that small bodies are read while large ones
// use up the budget, and that releasing a lease returns its bytes.
func TestBodiesAreChargedToTheBudget(t *testing.T) {
	budget := memory.NewBudget(300 << 10)
	reader := body.NewReader(body.Limits{Bytes: 1 << 20, Memory: budget})
	send := func(size int, lease *memory.Lease) error {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", size)))
		return reader.Read(w, r, new(bytes.Buffer), lease)
	}
	var first, second, small memory.Lease
	if err := send(120<<10, &first); err != nil {
		t.Fatal(err)
	}
	if budget.Used() < 120<<10 {
		t.Errorf("%d bytes are charged for a body of 120 KiB", budget.Used())
	}
	var failed *body.Error
	if err := send(120<<10, &second); !errors.As(err, &failed) || failed.Status != http.StatusServiceUnavailable || failed.Header.Get("Retry-After") == "" {
		t.Errorf("a second large body: %v; want 503", err)
	}
	second.Release()
	if err := send(10<<10, &small); err != nil {
		t.Errorf("a small body: %v", err)
	}
	first.Release()
	small.Release()
	if budget.Used() != 0 {
		t.Errorf("%d bytes are still charged", budget.Used())
	}
	if err := send(120<<10, &second); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// TestAnnouncedBodyAllocatesLittle checks the memory for a body that is announced by
// Content-Length but never arrives.
func TestAnnouncedBodyAllocatesLittle(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(""))
	r.ContentLength = 2 << 20
	var into bytes.Buffer
	var failed *body.Error
	if err := body.NewReader(body.Limits{Bytes: 2 << 20}).Read(httptest.NewRecorder(), r, &into, new(memory.Lease)); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if into.Cap() > 8<<10 {
		t.Errorf("a buffer of %d bytes for a body that has not begun", into.Cap())
	}
}
