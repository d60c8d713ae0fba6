package upload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"souk/internal/memory"
	"souk/router/upload"
)

// FuzzRead checks that no request makes the router panic, that errors say what the client did wrong,
// and that a subgraph gets a request without references to files.
func FuzzRead(f *testing.F) {
	part := func(name, content string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n"
	}
	for _, seed := range []string{
		part("operations", `{"query":"","variables":{"f":null}}`) + part("map", `{"0":["variables.f"]}`) + part("0", "x") + "--b--\r\n",
		part("operations", `{"variables":{"a":{"b":[1,null]}}}`) + part("map", `{"x":["variables.a.b.1"],"y":[]}`) + part("x", ""),
		part("operations", `[]`) + part("map", `{}`) + "--b--",
		part("map", `{}`), "--b\r\n\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		limits := upload.Limits{Files: 3, FileBytes: 100, TotalBytes: 150, TextBytes: 1000, Timeout: time.Minute}
		var lease memory.Lease
		q, err := upload.Read(t.Context(), bytes.NewReader(body), "b", limits, &lease)
		var refused *upload.Error
		if err != nil {
			if !errors.As(err, &refused) || refused.Status < 400 || refused.Message == "" {
				t.Errorf("error %v", err)
			}
			return
		}
		defer q.Close(func() {})
		var operations struct{ Variables json.RawMessage }
		if json.Unmarshal(q.Operations, &operations) != nil {
			return
		}
		variables, err := q.Map(t.Context(), operations.Variables, &lease)
		if err != nil {
			if !errors.As(err, &refused) || refused.Status < 400 || refused.Message == "" {
				t.Errorf("error %v", err)
			}
			return
		}
		if q.Count() == 0 {
			return
		}
		for i := range q.Count() {
			if err := q.Assign(i, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Arrange(); err != nil {
			t.Fatal(err)
		}
		request := fmt.Appendf(nil, `{"variables":%s}`, variables)
		files, err := q.Of(0, request)
		if err != nil || !json.Valid(request) || strings.Contains(string(request), "souk-file-") && !strings.Contains(string(body), "souk-file-") {
			t.Fatalf("request %s, %v", request, err)
		}
		if _, err := io.Copy(io.Discard, files.Open(t.Context(), request)); err != nil && files.Failed() == nil {
			t.Errorf("error %v is not the client's", err)
		}
	})
}
