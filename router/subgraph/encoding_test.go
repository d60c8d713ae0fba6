package subgraph_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// encode applies a content coding.
func encode(t testing.TB, coding, body string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip":
		w = gzip.NewWriter(&b)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		encoder, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		w = encoder
	default:
		return body
	}
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCompressedResponsesAreDecoded(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for _, coding := range []string{"gzip", "x-gzip", "GZIP", "br", "zstd", "identity", "", "gzip, br", "zstd,identity , gzip"} {
			for _, body := range []string{"", "{}", `{"data":"` + strings.Repeat("abc", 100_000) + `"}`} {
				sent := body
				for _, c := range strings.Split(coding, ",") {
					sent = encode(t, strings.ToLower(strings.TrimSpace(c)), sent)
				}
				if body == "" {
					sent = "" // as with status 204, whatever the headers say
				}
				var asked string
				tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
					asked = r.Header.Get("Accept-Encoding")
					if coding != "" {
						w.Header().Set("Content-Encoding", coding)
					}
					answer(w, 200, "application/json", sent)
				})
				for range 2 {
					resp, err := tr.Send(t.Context(), request(operation.Mutation, `{}`))
					if err != nil || string(resp.Body.B) != body {
						t.Fatalf("%q: got %v, err %v", coding, resp, err)
					}
					resp.Body.Release()
				}
				if asked != "gzip, br, zstd" {
					t.Errorf("Accept-Encoding = %q", asked)
				}
			}
		}
	})
}

// The bound applies to the decoded size, so a small response cannot fill the memory.
func TestDecodedSizeIsBounded(t *testing.T) {
	const limit = 64 << 10
	var bombs, fitting [3]string
	codings := [3]string{"gzip", "br", "zstd"}
	for i, coding := range codings {
		bombs[i] = encode(t, coding, strings.Repeat(" ", 8<<20))
		fitting[i] = encode(t, coding, strings.Repeat(" ", limit))
	}
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for i, coding := range codings {
			tr := over.transport(t, subgraph.Subgraph{MaxResponseBytes: limit}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Encoding", coding)
				if string(body) == "bomb" {
					answer(w, 200, "application/json", bombs[i])
					return
				}
				answer(w, 200, "application/json", fitting[i])
			})
			for range 2 {
				resp, err := tr.Send(t.Context(), request(operation.Query, "bomb"))
				var e *execute.TransportError
				if !errors.As(err, &e) || e.Message != "sent a response larger than max_response_bytes (65536)" {
					t.Errorf("%s: got %v, err %v", coding, resp, err)
				}
				resp, err = tr.Send(t.Context(), request(operation.Query, "fits"))
				if err != nil || len(resp.Body.B) != limit {
					t.Errorf("%s: got error %v", coding, err)
					continue
				}
				resp.Body.Release()
			}
		}
	})
}

// A response that cannot be decoded is an error that names the coding. It is not a
// transport failure, so it is not retried.
func TestUndecodableResponsesAreErrors(t *testing.T) {
	valid := map[string]string{}
	for _, coding := range []string{"gzip", "br", "zstd"} {
		valid[coding] = encode(t, coding, `{"data":{}}`)
	}
	tests := []struct{ name, coding, body string }{
		{name: "unknown", coding: "deflate", body: "x"},
		{name: "compress", coding: "compress", body: "x"},
		{name: "too many codings", coding: "gzip, gzip, gzip, gzip", body: "x"},
		{name: "not gzip", coding: "gzip", body: "{}"},
		{name: "truncated gzip", coding: "gzip", body: valid["gzip"][:len(valid["gzip"])-3]},
		{name: "data after gzip", coding: "gzip", body: valid["gzip"] + "more"},
		{name: "not br", coding: "br", body: "{\"data\":{}}"},
		{name: "truncated br", coding: "br", body: valid["br"][:len(valid["br"])-3]},
		{name: "data after br", coding: "br", body: valid["br"] + "more"},
		{name: "not zstd", coding: "zstd", body: "{\"data\":{}}"},
		{name: "truncated zstd", coding: "zstd", body: valid["zstd"][:len(valid["zstd"])-3]},
		{name: "data after zstd", coding: "zstd", body: valid["zstd"] + "more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			tr := transportKinds[0].transport(t, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 3}}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("Content-Encoding", test.coding)
				answer(w, 200, "application/json", test.body)
			})
			resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Code != execute.CodeMalformed || !strings.Contains(e.Message, test.coding) || calls != 1 {
				t.Errorf("got %v, err %v, sent %d times", resp, err, calls)
			}
		})
	}
}

// A byte order mark before JSON is ignored (RFC 8259, section 8.1).
func TestByteOrderMarkIsIgnored(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for body, want := range map[string]string{
			"\uFEFF{\"data\":1}": `{"data":1}`, "\uFEFF": "", "\uFEFF\uFEFF{}": "\uFEFF{}", "{\"data\":\"\uFEFF\"}": "{\"data\":\"\uFEFF\"}",
		} {
			for _, coding := range []string{"identity", "gzip"} {
				tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Encoding", coding)
					answer(w, 200, "application/json", encode(t, coding, body))
				})
				resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
				if err != nil || string(resp.Body.B) != want {
					t.Errorf("%q: got %v, err %v", body, resp, err)
				}
			}
		}
	})
}

// FuzzDecode sends arbitrary bytes to the client as a compressed body: it does not
// panic or return more than the bound.
func FuzzDecode(f *testing.F) {
	for _, coding := range []string{"gzip", "br", "zstd"} {
		f.Add(coding, []byte(encode(f, coding, `{"data":{}}`)))
	}
	f.Add("gzip, br", []byte("x"))
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		if strings.ContainsFunc(coding, func(r rune) bool { return r < ' ' }) {
			return
		}
		text := "HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + "\r\n\r\n" + string(body)
		tr := scriptedTransport(t, []byte(text))
		defer tr.Close()
		resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
		if err != nil {
			return
		}
		if len(resp.Body.B) > scriptedLimit {
			t.Errorf("got %d bytes, want at most the bound", len(resp.Body.B))
		}
		resp.Body.Release()
	})
}
