package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/cli"
)

func TestDebugBundleIsWrittenToAFile(t *testing.T) {
	admin := http.NewServeMux()
	admin.HandleFunc("GET /debug/bundle", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		_, _ = io.WriteString(w, "PK")
	})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer page.Close()
	s := httptest.NewServer(admin)
	defer s.Close()
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	for _, c := range []struct{ name, admin, want string }{
		{name: "a bundle", admin: s.URL + "/"},
		{name: "not configured", admin: none.URL, want: "set admin.debug_bundle: true"},
		{name: "another server", admin: page.URL, want: "is it the admin port?"},
		{name: "no server", admin: "http://127.0.0.1:1", want: "set its URL with --admin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bundle.zip")
			var out bytes.Buffer
			cmd := cli.New()
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			cmd.SetArgs([]string{"debug", "bundle", "--admin", c.admin, "--output", file})
			err := cmd.ExecuteContext(t.Context())
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got error %v, want %s", err, c.want)
				}
				if _, err := os.Stat(file); err == nil {
					t.Error("a file was written")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(file); err != nil || string(data) != "PK" || !strings.Contains(out.String(), file) {
				t.Errorf("got file %q, err %v, output %q", data, err, out.String())
			}
		})
	}
}
