package remote_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/internal/certtest"
	"souk/router/internal/remote"
	"souk/router/internal/tlsfile"
)

func newSource(t *testing.T, o remote.Options) remote.Source {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	s, err := remote.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fetch returns the text, which is "" if it is unchanged.
func fetch(t *testing.T, s remote.Source) string {
	t.Helper()
	text, err := s.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// refuses fails the test unless a fetch fails with each of the texts in its error.
func refuses(t *testing.T, s remote.Source, want ...string) {
	t.Helper()
	text, err := s.Fetch(t.Context())
	if err == nil {
		t.Fatalf("got %q and no error", text)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q, want %q in it", err, part)
		}
	}
}

func TestDownloadIsConditional(t *testing.T) {
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name string
		set  func(h http.Header, version int)
	}{
		{"ETag", func(h http.Header, version int) { h.Set("ETag", fmt.Sprintf(`"v%d"`, version)) }},
		{"weak ETag", func(h http.Header, version int) { h.Set("ETag", fmt.Sprintf(`W/"v%d"`, version)) }},
		{"Last-Modified", func(h http.Header, version int) {
			h.Set("Last-Modified", modified.Add(time.Duration(version)*time.Minute).Format(http.TimeFormat))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var version, bodies atomic.Int64
			version.Store(1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.set(w.Header(), int(version.Load()))
				content := strings.NewReader(fmt.Sprintf("text %d", version.Load()))
				recorder := &counting{ResponseWriter: w}
				http.ServeContent(recorder, r, "text", headerTime(w.Header()), content) // evaluates the conditions
				if recorder.written > 0 {
					bodies.Add(1)
				}
			}))
			defer server.Close()
			s := newSource(t, remote.Options{URL: server.URL})
			for i, want := range []string{"text 1", "", "", "text 2", ""} {
				if i == 3 {
					version.Add(1)
				}
				if got := fetch(t, s); got != want {
					t.Errorf("fetch %d: got %q, want %q", i, got, want)
				}
			}
			if bodies.Load() != 2 {
				t.Errorf("the server sent %d bodies, want 2", bodies.Load())
			}
		})
	}
}

type counting struct {
	http.ResponseWriter
	written int
}

func (c *counting) Write(b []byte) (int, error) {
	c.written += len(b)
	return c.ResponseWriter.Write(b)
}

func headerTime(h http.Header) time.Time {
	at, _ := http.ParseTime(h.Get("Last-Modified"))
	return at
}

func TestDownloadSendsHeadersAndVerifiesTheServer(t *testing.T) {
	authority, dir := certtest.New(t), t.TempDir()
	files := authority.Issue(t, dir, "localhost")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "secret" || len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "text")
	}))
	secure, err := tlsfile.Server{Cert: files.Cert, Key: files.Key, ClientCA: authority.File}.Config(tlsfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = secure
	server.StartTLS()
	defer server.Close()
	trusting, err := tlsfile.Client{CA: authority.File, Cert: files.Cert, Key: files.Key, ServerName: "localhost"}.Source(nil, tlsfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key := http.Header{"X-Api-Key": {"secret"}}
	if got := fetch(t, newSource(t, remote.Options{URL: server.URL, Header: key, TLS: trusting})); got != "text" {
		t.Errorf("got %q", got)
	}
	refuses(t, newSource(t, remote.Options{URL: server.URL, TLS: trusting}), "status 401 Unauthorized; check the credentials in headers")
	refuses(t, newSource(t, remote.Options{URL: server.URL, Header: key}), "certificate signed by unknown authority")
}

func TestDownloadErrorsNameTheAddressWithoutSecrets(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "stolen") }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip") // small on the wire
		z := gzip.NewWriter(w)
		fmt.Fprint(z, strings.Repeat("x", 2<<20))
		_ = z.Close()
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/304", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	server := httptest.NewServer(mux)
	defer server.Close()
	at := func(path string, more remote.Options) remote.Source {
		more.URL = strings.Replace(server.URL, "http://", "http://user:password@", 1) + path + "?signature=hidden"
		return newSource(t, more)
	}
	key := http.Header{"X-Api-Key": {"secret"}}
	name := "fetching " + server.URL
	refuses(t, at("/none", remote.Options{}), name+"/none: the response has status 404 Not Found; check the url")
	refuses(t, at("/large", remote.Options{}), name+"/large: it is larger than max_bytes, 1048576 bytes")
	refuses(t, at("/away", remote.Options{Header: key}), "redirected to another host")
	refuses(t, at("/loop", remote.Options{}), "more than 5 redirects")
	refuses(t, at("/hangs", remote.Options{Timeout: 50 * time.Millisecond}), "it took longer than 50ms")
	refuses(t, at("/304", remote.Options{}), "status 304")
	server.Close()
	s := at("/closed", remote.Options{})
	refuses(t, s, name, "connection refused")
	if _, err := s.Fetch(t.Context()); strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "password") {
		t.Errorf("got %q, with a secret", err)
	}
	if got := fetch(t, newSource(t, remote.Options{URL: other.URL + "?x"})); got != "stolen" {
		t.Errorf("got %q", got)
	}
}

func TestScheduleBacksOff(t *testing.T) {
	failure := errors.New("away")
	middle := func() float64 { return 0.5 }
	s := remote.Schedule{Interval: time.Minute, Random: middle}
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got := s.Next(failure); got != want*time.Minute {
			t.Errorf("failure %d: got %s, want %d minutes", i, got, want)
		}
	}
	if got := s.Next(nil); got != time.Minute {
		t.Errorf("after a success: got %s", got)
	}
	s = remote.Schedule{Interval: time.Hour, Random: middle}
	for range 3 {
		if got := s.Next(failure); got != time.Hour {
			t.Errorf("got %s, want the interval, which is longer than the bound", got)
		}
	}
	s = remote.Schedule{Interval: 10 * time.Second, Random: func() float64 { return 0 }}
	if low := s.Next(nil); low != 9*time.Second {
		t.Errorf("got %s, want a tenth less", low)
	}
}

func TestScheduleObeysRetryAfter(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	_, err := newSource(t, remote.Options{URL: server.URL}).Fetch(t.Context())
	s := remote.Schedule{Interval: time.Second, Random: func() float64 { return 0.5 }}
	if got := s.Next(err); got != 2*time.Minute {
		t.Errorf("got %s after %v", got, err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.example/x": "url",
		"http://a.example":    "url",
		"oci://a.example/b:c": "oci",
		"oci://a.example:5000/b/c@sha256:" + strings.Repeat("0", 64): "oci",
		"s3://bucket/a/b": "s3",
		"https:///x":      "error: it has no host",
		"oci://a.example": "error: it must have the form oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST",
		"s3://bucket":     "error: it must have the form s3://BUCKET/KEY",
		"file:///x":       "error: it must begin with https://, http://, oci:// or s3://",
		"x.graphql":       "error: it must begin with https://, http://, oci:// or s3://",
	} {
		got, err := remote.Kind(address)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

func TestCopy(t *testing.T) {
	file := remote.Copy(filepath.Join(t.TempDir(), "copy"))
	if text, err := file.Read(100); text != nil || err != nil {
		t.Errorf("got %q and %v without a file", text, err)
	}
	if err := file.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if text, err := file.Read(100); string(text) != "text" || err != nil {
		t.Errorf("got %q and %v", text, err)
	}
	if err := remote.Copy(filepath.Join(t.TempDir(), "none", "copy")).Write(nil); err == nil || !strings.Contains(err.Error(), "writing a copy to cache_file: ") {
		t.Errorf("got %v", err)
	}
	if err := remote.Copy("").Write([]byte("text")); err != nil {
		t.Error(err)
	}
}
