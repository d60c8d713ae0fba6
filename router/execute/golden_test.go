package execute_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/execute"
	"souk/router/execute/internal/plantext"
	"souk/router/operation"
)

var update = flag.Bool("update", false, "write what is got as what is wanted")

// canned is a Transport with prepared responses.
type canned struct {
	t       testing.TB
	answers map[string]string // by fetch ID: a response, after lines like "status: 500"

	mu       sync.Mutex
	requests []string
}

// step finds the ID of a fetch in a request's query, which plantext names step3.
func step(body []byte) string {
	var request struct{ Query string }
	if err := json.Unmarshal(body, &request); err != nil {
		return err.Error()
	}
	_, rest, _ := strings.Cut(request.Query, "step")
	return rest[:strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })]
}

func (c *canned) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	n := step(r.Body.B)
	var request struct{ Variables json.RawMessage }
	if err := json.Unmarshal(r.Body.B, &request); err != nil {
		c.t.Errorf("request of step %s is not JSON: %v\n%s", n, err, r.Body.B)
	}
	c.mu.Lock()
	c.requests = append(c.requests, fmt.Sprintf("%s %s %s", n, r.Subgraph, request.Variables))
	c.mu.Unlock()
	answer, ok := c.answers[n]
	if !ok {
		c.t.Errorf("step %s: unexpected request %s", n, r.Body.B)
	}
	return respond(answer)
}

func respond(answer string) (*execute.SubgraphResponse, error) {
	resp := &execute.SubgraphResponse{Status: 200, Header: map[string][]string{}}
	for !strings.HasPrefix(answer, "{") {
		line, rest, _ := strings.Cut(answer, "\n")
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			break
		}
		answer = rest
		switch name {
		case "status":
			resp.Status, _ = strconv.Atoi(value)
		case "failure":
			return nil, &execute.TransportError{Code: value, Message: "could not be reached", Err: errors.New("dial tcp 10.0.0.7:80: refused")}
		default:
			resp.Header.Add(name, value)
		}
	}
	resp.Body = execute.NewBuffer(len(answer))
	resp.Body.B = append(resp.Body.B, strings.TrimSuffix(answer, "\n")...)
	return resp, nil
}

func (c *canned) Subscribe(_ context.Context, _ *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	for i := 0; ; i++ {
		answer, ok := c.answers["event "+strconv.Itoa(i)]
		if !ok {
			return nil
		}
		resp, err := respond(answer)
		if err != nil {
			return err
		}
		if err := event(resp); err != nil {
			return err
		}
	}
}

// files returns the files of a txtar archive by name.
func files(a *txtar.Archive) map[string]string {
	m := make(map[string]string)
	for _, f := range a.Files {
		m[f.Name] = string(f.Data)
	}
	return m
}

func compile(t testing.TB, text string) *execute.Program {
	t.Helper()
	p, err := plantext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	program, err := execute.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func variables(t testing.TB, text string) operation.Variables {
	t.Helper()
	var values map[string]json.RawMessage
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	var vars operation.Variables
	for name, value := range values {
		vars = append(vars, operation.Variable{Name: name, Value: value})
	}
	slices.SortFunc(vars, func(a, b operation.Variable) int { return strings.Compare(a.Name, b.Name) })
	return vars
}

// TestResponsesMatchGoldenFiles runs testdata/*.txtar: a plan in the form of package plantext,
// variables, the response of each fetch in a file named by its ID, and the wanted
// requests and response.
func TestResponsesMatchGoldenFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("testdata is empty", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f := files(archive)
			transport := &canned{t: t, answers: f}
			executor := execute.New(execute.Options{
				Transport:  transport,
				HideErrors: func(subgraph string) bool { return subgraph == "hidden" },
				Introspect: func(f *operation.Field, _ operation.Variables) (json.RawMessage, error) {
					return json.RawMessage(`{"introspection":"` + f.Name + `"}`), nil
				},
			})
			request := &execute.Request{
				Program: compile(t, f["plan"]), Variables: variables(t, f["variables"]),
				Internals: strings.Contains(string(archive.Comment), "#internals"),
			}
			var got bytes.Buffer
			show := func(r *execute.Response) error {
				defer r.Release()
				if !json.Valid(r.Body) {
					t.Errorf("the response is not JSON: %s", r.Body)
				}
				return json.Indent(&got, r.Body, "", "  ")
			}
			if _, ok := f["event 0"]; ok {
				err := executor.Subscribe(t.Context(), request, func(r *execute.Response) error {
					defer got.WriteByte('\n')
					return show(r)
				})
				if err != nil {
					t.Error(err)
				}
			} else {
				err := executor.Deliver(t.Context(), request, func(r *execute.Response) error {
					defer got.WriteByte('\n')
					return show(r)
				})
				if err != nil {
					t.Error(err)
				}
			}
			slices.Sort(transport.requests)
			check(t, archive, name, "requests", strings.Join(append(transport.requests, ""), "\n"))
			check(t, archive, name, "response", got.String())
		})
	}
}

func check(t *testing.T, a *txtar.Archive, path, name, got string) {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		a.Files, i = append(a.Files, txtar.File{Name: name}), len(a.Files)
	}
	if string(a.Files[i].Data) == got {
		return
	}
	if !*update {
		t.Errorf("%s:\n%s\nwant:\n%s", name, got, a.Files[i].Data)
		return
	}
	a.Files[i].Data = []byte(got)
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
