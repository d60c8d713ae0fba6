package tlsfile

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"souk/router/internal/certtest"
)

// A clock is set by hand.
type clock struct{ now time.Time }

// files has a server whose files change, and what its hooks were told.
type files struct {
	certtest.Files
	config  *tls.Config
	clock   clock
	told    []error
	expires []time.Time
}

func serve(t *testing.T, authority *certtest.Authority, dir string) *files {
	t.Helper()
	f := &files{Files: authority.Issue(t, dir, "first"), clock: clock{time.Unix(1, 0)}}
	var err error
	f.config, err = Server{Cert: f.Cert, Key: f.Key, MinVersion: tls.VersionTLS13}.Config(Options{
		Changed: func(err error) { f.told = append(f.told, err) },
		Expires: func(at time.Time) { f.expires = append(f.expires, at) },
		now:     func() time.Time { return f.clock.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// presented returns the common name in the certificate for a new connection.
func (f *files) presented(t *testing.T, authority *certtest.Authority) string {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_ = tls.Server(server, f.config).Handshake()
		_ = server.Close()
	}()
	c := tls.Client(client, &tls.Config{RootCAs: authority.Pool(t), ServerName: "localhost"})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestNewConnectionsUseChangedFiles(t *testing.T) {
	authority, dir := certtest.New(t), t.TempDir()
	f := serve(t, authority, dir)
	want := func(name string) {
		t.Helper()
		if got := f.presented(t, authority); got != name {
			t.Errorf("the certificate is of %q, want %q", got, name)
		}
	}
	want("first")
	authority.Issue(t, dir, "second")
	want("first") // the files are looked at once a second
	f.clock.now = f.clock.now.Add(time.Second)
	want("second")
	if len(f.told) != 1 || f.told[0] != nil || len(f.expires) != 2 {
		t.Errorf("told %v, expiries %v", f.told, f.expires)
	}
}

// A link can name other files of the same size and time, for example when files are copied with
// their times, or extracted from an archive.
func TestLinksToOtherFilesAreChanges(t *testing.T) {
	authority, dir := certtest.New(t), t.TempDir()
	names := map[string]certtest.Files{}
	for _, name := range []string{"first", "other"} {
		issued := authority.Issue(t, t.TempDir(), name)
		names[name] = issued
		for _, file := range []string{issued.Cert, issued.Key} {
			level(t, file)
		}
	}
	f := serve(t, authority, dir)
	link := func(name string) {
		t.Helper()
		for from, to := range map[string]string{f.Cert: names[name].Cert, f.Key: names[name].Key} {
			if err := errors.Join(os.Remove(from), os.Symlink(to, from)); err != nil {
				t.Fatal(err)
			}
		}
		f.clock.now = f.clock.now.Add(time.Second)
		if got := f.presented(t, authority); got != name {
			t.Errorf("the certificate is of %q, want %q", got, name)
		}
	}
	link("first")
	link("other")
}

// level gives a file the size and time that all such files have.
func level(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const size = 4 << 10
	put(t, file, append(text, strings.Repeat("\n", size-len(text))...))
	if err := os.Chtimes(file, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableFilesAreNotUsed(t *testing.T) {
	authority, dir := certtest.New(t), t.TempDir()
	f := serve(t, authority, dir)
	old, err := os.ReadFile(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	look := func() {
		t.Helper()
		f.clock.now = f.clock.now.Add(time.Second)
		if got := f.presented(t, authority); got != "first" {
			t.Errorf("the certificate is of %q", got)
		}
	}
	// Only the certificate has been replaced yet.
	authority.Issue(t, dir, "second")
	fresh, err := os.ReadFile(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, f.Key, old)
	look()
	look()
	if len(f.told) != 1 || f.told[0] == nil || !strings.Contains(f.told[0].Error(), "private key does not match") {
		t.Errorf("told %v", f.told)
	}
	if err := os.Remove(f.Key); err != nil {
		t.Fatal(err)
	}
	look()
	if len(f.told) != 2 || !errors.Is(f.told[1], fs.ErrNotExist) {
		t.Errorf("told %v", f.told)
	}
	put(t, f.Key, fresh)
	f.clock.now = f.clock.now.Add(time.Second)
	if got := f.presented(t, authority); got != "second" {
		t.Errorf("the certificate is of %q", got)
	}
	if len(f.told) != 3 || f.told[2] != nil {
		t.Errorf("told %v", f.told)
	}
}

func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	authority := certtest.New(t)
	own, dir := authority.Issue(t, t.TempDir(), "own"), t.TempDir()
	huge := dir + "/huge.pem"
	put(t, huge, nil)
	if err := os.Truncate(huge, 5<<20); err != nil {
		t.Fatal(err)
	}
	for want, client := range map[string]Client{
		"no such file":                    {CA: dir + "/missing.pem"},
		"ca_file: " + own.Key + " has no": {CA: own.Key},
		"is not a regular file":           {CA: dir},
		"is larger than 4 MB":             {CA: huge},
		"cert_file and key_file: ":        {Cert: own.Key, Key: own.Key},
	} {
		if _, err := client.Source(nil, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestServerNameIsThatOfTheAddress(t *testing.T) {
	plain, err := Client{CA: certtest.New(t).File}.Source(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	named, err := Client{ServerName: "other"}.Source(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{"redis:6379": "redis", "[::1]:6379": "::1", "redis": "redis"} {
		if got := plain.For(address).ServerName; got != want {
			t.Errorf("%s: server name %q, want %q", address, got, want)
		}
		if got := named.For(address).ServerName; got != "other" {
			t.Errorf("%s: server name %q, want other", address, got)
		}
	}
}

func put(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
