package router_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/gateway/config"
)

const (
	filesA = `scalar Upload
input Picture { title: String file: Upload files: [Upload!] }
scalar JSON
type Query { size(file: Upload!): String product: Product named(name: String, ids: [ID!], json: JSON): String }
type Mutation { upload(file: Upload!): String many(files: [Upload!]!, more: Upload): String nested(input: Picture!): String }
type Product @key(fields: "id") { id: ID! }
`
	filesB = `scalar Upload
type Query { open: String }
type Mutation { other(file: Upload!): String }
type Product @key(fields: "id") { id: ID! matches(file: Upload): String }
`
)

// A fileSchema is the executable schema of a gqlgen server that describes the files in the arguments
// of root fields.
type fileSchema struct{ schema *ast.Schema }

func (s fileSchema) Schema() *ast.Schema { return s.schema }

func (s fileSchema) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (s fileSchema) Exec(ctx context.Context) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	data := map[string]string{}
	for _, field := range graphql.CollectFields(operation, operation.Operation.SelectionSet, nil) {
		data[field.Alias] = describe(field.ArgumentMap(operation.Variables))
	}
	return graphql.OneShot(&graphql.Response{Data: mustJSON(data)})
}

func mustJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// describe returns the files in a value: their places, names, types and contents.
func describe(v any) string {
	switch v := v.(type) {
	case graphql.Upload:
		content, err := io.ReadAll(v.File)
		if err != nil {
			return err.Error()
		}
		if len(content) > 20 {
			content = fmt.Appendf(nil, "%d bytes", len(content))
		}
		return fmt.Sprintf("%s %s %s", v.Filename, v.ContentType, content)
	case []graphql.Upload:
		return describe([]any{v[0]})
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, describe(item))
		}
		return "[" + strings.Join(all, ", ") + "]"
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, name+": "+describe(v[name]))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(v)
}

// gqlgenServer serves the two subgraphs with gqlgen and its multipart transport.
func gqlgenServer(t *testing.T) http.HandlerFunc {
	servers := map[string]http.Handler{}
	for path, sdl := range map[string]string{"/a": filesA, "/b": filesB} {
		schema, err := gqlparser.LoadSchema(&ast.Source{Input: "directive @key(fields: String!) on OBJECT\n" + sdl})
		if err != nil {
			t.Fatal(err)
		}
		server := handler.New(fileSchema{schema})
		server.AddTransport(transport.POST{})
		server.AddTransport(transport.MultipartForm{})
		servers[path] = server
	}
	return func(w http.ResponseWriter, r *http.Request) { servers[r.URL.Path].ServeHTTP(w, r) }
}

func withUploads(change func(*config.Config)) func(*config.Config) {
	return func(c *config.Config) {
		c.FileUploads.Enabled = true
		c.IncludeErrors.All = true
		if change != nil {
			change(c)
		}
	}
}

// A sentPart is a part of a multipart request.
type sentPart struct{ name, filename, content string }

func form(parts ...sentPart) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", p.name)}}
		if p.filename != "" {
			header.Set("Content-Disposition", multipart.FileContentDisposition(p.name, p.filename))
			header.Set("Content-Type", "image/png")
		}
		part, _ := w.CreatePart(header)
		_, _ = io.WriteString(part, p.content)
	}
	_ = w.Close()
	return "Content-Type: " + w.FormDataContentType(), b.String()
}

func upload(t *testing.T, at, operations, files string, parts ...sentPart) (int, string) {
	t.Helper()
	contentType, body := form(slices.Concat([]sentPart{{name: "operations", content: operations}, {name: "map", content: files}}, parts)...)
	r, text := ask(t, "POST", at+"/graphql", body, contentType, "Apollo-Require-Preflight: true")
	return r.StatusCode, text
}

func TestFilesReachTheSubgraph(t *testing.T) {
	at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(nil))
	x, y := sentPart{"0", `a "b".png`, "X"}, sentPart{"1", "y.png", strings.Repeat("y", 100_000)}
	for name, c := range map[string]struct {
		operations, files, want string
		parts                   []sentPart
	}{
		"one": {
			`{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`,
			`{"data":{"upload":"file: a %22b%22.png image/png X"}}`, []sentPart{x},
		},
		"query": {
			`{"query":"query($f: Upload!) { size(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`,
			`{"data":{"size":"file: a %22b%22.png image/png X"}}`, []sentPart{x},
		},
		"list": {
			`{"query":"mutation($f: [Upload!]!) { many(files: $f) }","variables":{"f":[null,null]}}`, `{"0":["variables.f.0"],"1":["variables.f.1"]}`,
			`{"data":{"many":"files: [a %22b%22.png image/png X, y.png image/png 100000 bytes]"}}`, []sentPart{x, y},
		},
		"one where a list is expected": {
			`{"query":"mutation($f: [Upload!]!) { many(files: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`,
			`{"data":{"many":"files: [a %22b%22.png image/png X]"}}`, []sentPart{x},
		},
		"one file in two places": {
			`{"query":"mutation($f: [Upload!]!, $g: Upload) { many(files: $f, more: $g) }","variables":{"f":[null],"g":null}}`, `{"0":["variables.f.0","variables.g"]}`,
			`{"data":{"many":"files: [a %22b%22.png image/png X], more: a %22b%22.png image/png X"}}`, []sentPart{x},
		},
		"in an input object": {
			`{"query":"mutation($i: Picture!) { nested(input: $i) }","variables":{"i":{"title":"t","files":[null],"file":null}}}`, `{"0":["variables.i.files.0"],"1":["variables.i.file"]}`,
			`{"data":{"nested":"input: file: y.png image/png 100000 bytes, files: [a %22b%22.png image/png X], title: t"}}`, []sentPart{x, y},
		},
		"with white space around": {
			"\n{ \"variables\" : { \"i\": [ 1, { \"files\" : [] } ], \"f\" : null } , \"query\" : \"mutation($f: Upload!) { upload(file: $f) }\" } ", `{"0":["variables.f"]}`,
			`{"data":{"upload":"file: a %22b%22.png image/png X"}}`, []sentPart{x},
		},
		"two mutations in two subgraphs": {
			`{"query":"mutation($f: Upload!, $g: Upload!) { upload(file: $f) other(file: $g) }","variables":{"f":null,"g":null}}`, `{"0":["variables.f"],"1":["variables.g"]}`,
			`{"data":{"upload":"file: a %22b%22.png image/png X","other":"file: y.png image/png 100000 bytes"}}`, []sentPart{x, y},
		},
		"a file that nothing uses": {
			`{"query":"mutation($f: Upload!, $g: Upload) { upload(file: $f) many(files: [], more: $g) @skip(if: true) }","variables":{"f":null,"g":null}}`, `{"1":["variables.g"],"0":["variables.f"]}`,
			`{"data":{"upload":"file: a %22b%22.png image/png X"}}`, []sentPart{y, x},
		},
		"no file": {
			`{"query":"{ open }"}`, `{}`, `{"data":{"open":""}}`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if status, got := upload(t, at, c.operations, c.files, c.parts...); status != 200 || got != c.want {
				t.Errorf("status %d, got  %s\nwant %s", status, got, c.want)
			}
		})
	}
}

// A request with files is sent once, but connections that cannot be opened do not count. No request
// fails, although circuit breakers do not help.
func TestFilesReachTheURLThatIsUp(t *testing.T) {
	at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(func(c *config.Config) {
		up := c.OverrideSubgraphURLs["a"][0]
		urls := []string{up}
		for range 7 {
			down := httptest.NewServer(http.NotFoundHandler())
			down.Close()
			urls = append(urls, down.URL+"/a")
		}
		c.OverrideSubgraphURLs["a"] = urls
		off := false
		c.TrafficShaping.All.CircuitBreaker.Enabled = &off
	}))
	for range 10 {
		status, got := upload(t, at, `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`, sentPart{"0", "x.png", "X"})
		if want := `{"data":{"upload":"file: x.png image/png X"}}`; status != 200 || got != want {
			t.Errorf("status %d, got %s", status, got)
		}
	}
}

func TestPersistedDocumentsHaveFiles(t *testing.T) {
	at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(nil))
	const document = `mutation($f: Upload!) { upload(file: $f) }`
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(document)))
	extensions := `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + sum + `"}}`
	for i, query := range []string{`"query":"` + document + `",`, ""} {
		status, got := upload(t, at, `{`+query+extensions+`,"variables":{"f":null}}`, `{"0":["variables.f"]}`, sentPart{"0", "x", "X"})
		if want := `{"data":{"upload":"file: x image/png X"}}`; status != 200 || got != want {
			t.Errorf("request %d: status %d, got %s", i, status, got)
		}
	}
}

func TestUploadsAreRefused(t *testing.T) {
	at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(func(c *config.Config) {
		c.FileUploads.MaxFiles, c.FileUploads.MaxFileBytes, c.FileUploads.MaxTotalBytes = 2, 1000, 1500
		c.Limits.MaxBodyBytes = 2000
		c.HTTP.Batching.Enabled = true
	}))
	const one, many = `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`, `{"query":"mutation($f: [Upload!]!) { many(files: $f) }","variables":{"f":[null,null]}}`
	const file = `{"0":["variables.f"]}`
	x := sentPart{"0", "x.png", "X"}
	for name, c := range map[string]struct {
		operations, files string
		parts             []sentPart
		status            int
		want              string
	}{
		"file too large":                 {one, file, []sentPart{{"0", "x", strings.Repeat("x", 1001)}}, 413, `longer than 1000 bytes`},
		"files too large together":       {many, `{"0":["variables.f.0"],"1":["variables.f.1"]}`, []sentPart{{"0", "x", strings.Repeat("x", 800)}, {"1", "y", strings.Repeat("y", 800)}}, 413, `together longer than 1500 bytes`},
		"too many files":                 {many, `{"0":["variables.f.0"],"1":["variables.f.1"],"2":["variables.f.2"]}`, []sentPart{x}, 413, `more than 2 files`},
		"operations too long":            {one + strings.Repeat(" ", 2000), file, []sentPart{x}, 413, `longer than 2000 bytes`},
		"no entry for a file":            {one, file, []sentPart{x, {"1", "y", "Y"}}, 400, `no entry for the file \"1\"`},
		"no file for an entry":           {one, file, nil, 400, `no file for the entry \"0\"`},
		"a file twice":                   {many, `{"0":["variables.f.0"],"1":["variables.f.1"]}`, []sentPart{x, x}, 400, `has the file \"0\" twice`},
		"no variable there":              {one, `{"0":["variables.g"]}`, []sentPart{x}, 400, `operations has nothing there`},
		"a value there":                  {`{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":1}}`, file, []sentPart{x}, 400, `operations has a value there`},
		"a path of something else":       {one, `{"0":["query"]}`, []sentPart{x}, 400, `must begin with \"variables.\"`},
		"a path with too many names":     {one, `{"0":["variables.f` + strings.Repeat(".0", 63) + `"]}`, []sentPart{x}, 400, `a path has at most 64 names`},
		"nothing at a long path":         {one, `{"0":["variables.f` + strings.Repeat(".0", 62) + `"]}`, []sentPart{x}, 400, `operations has nothing there`},
		"too many paths of a file":       {one, `{"0":["variables.f"` + strings.Repeat(`,"variables.g"`, 16) + `]}`, []sentPart{x}, 400, `more than 16 paths`},
		"operations ends in a place":     {`{"variables":{"f":nul`, file, []sentPart{x}, 400, `operations is not valid JSON`},
		"map is not JSON":                {one, `{"0"`, []sentPart{x}, 400, `map is not valid JSON`},
		"map is a list":                  {one, `[]`, []sentPart{x}, 400, `map must be a JSON object`},
		"operations is not JSON":         {`{"variables":{"f":null}`, file, []sentPart{x}, 400, `operations is not valid JSON`},
		"batch":                          {`[` + one + `]`, `{"0":["0.variables.f"]}`, []sentPart{x}, 422, `batch cannot have files`},
		"wrong order":                    {`{"query":"mutation($f: Upload!, $g: Upload!) { upload(file: $f) other(file: $g) }","variables":{"f":null,"g":null}}`, `{"1":["variables.g"],"0":["variables.f"]}`, []sentPart{{"1", "y", "Y"}, x}, 422, `in the order in which the operation uses them`},
		"sent in another order":          {`{"query":"mutation($f: Upload!, $g: Upload!) { upload(file: $f) other(file: $g) }","variables":{"f":null,"g":null}}`, `{"0":["variables.f"],"1":["variables.g"]}`, []sentPart{{"1", "y", "Y"}, x}, 400, `sent too early`},
		"two subgraphs":                  {`{"query":"mutation($f: Upload!) { upload(file: $f) other(file: $f) }","variables":{"f":null}}`, file, []sentPart{x}, 422, `which the subgraphs a and b need`},
		"two requests to one subgraph":   {`{"query":"mutation($f: Upload!, $g: Upload!) { a: upload(file: $f) other(file: $g) b: upload(file: $f) }","variables":{"f":null,"g":null}}`, `{"0":["variables.f"],"1":["variables.g"]}`, []sentPart{x, {"1", "y", "Y"}}, 422, `needed by two requests`},
		"entity":                         {`{"query":"query($f: Upload) { product { matches(file: $f) } }","variables":{"f":null}}`, file, []sentPart{x}, 422, `needs for an entity`},
		"a document that is not valid":   {`{"query":"mutation($f: Upload!) { nothing(file: $f) }","variables":{"f":null}}`, file, []sentPart{x}, 422, `GRAPHQL_VALIDATION_FAILED`},
		"a file for a string":            {`{"query":"query($s: String) { named(name: $s) }","variables":{"s":null}}`, `{"0":["variables.s"]}`, []sentPart{x}, 422, `has a file at \"s\", where the type is String`},
		"a file for an ID":               {`{"query":"query($s: [ID!]) { named(ids: $s) }","variables":{"s":[null]}}`, `{"0":["variables.s.0"]}`, []sentPart{x}, 422, `has a file at \"s[0]\", where the type is ID`},
		"a file for a field of an input": {`{"query":"mutation($i: Picture!) { nested(input: $i) }","variables":{"i":{"title":null}}}`, `{"0":["variables.i.title"]}`, []sentPart{x}, 422, `has a file at \"i.title\", where the type is String`},
		"a file for another scalar":      {`{"query":"query($s: JSON) { named(json: $s) }","variables":{"s":null}}`, `{"0":["variables.s"]}`, []sentPart{x}, 422, `where the type is JSON. A file can be sent only for Upload`},
		"a file inside of a scalar":      {`{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":{"a":null}}}`, `{"0":["variables.f.a"]}`, []sentPart{x}, 422, `where the type is Upload`},
		"a file where there is a number": {`{"query":"query($n: Boolean!) { open @skip(if: $n) }","variables":{"n":null}}`, `{"0":["variables.n"]}`, []sentPart{x}, 422, `Boolean`},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := upload(t, at, c.operations, c.files, c.parts...)
			if status != c.status || !strings.Contains(got, c.want) {
				t.Errorf("status %d, got %s\nwant %d with %s", status, got, c.status, c.want)
			}
		})
	}
	t.Run("parts in another order", func(t *testing.T) {
		contentType, body := form(sentPart{name: "map", content: file}, sentPart{name: "operations", content: one})
		if r, got := ask(t, "POST", at+"/graphql", body, contentType, "Apollo-Require-Preflight: true"); r.StatusCode != 400 || !strings.Contains(got, "The order is operations, map, files") {
			t.Errorf("status %d, got %s", r.StatusCode, got)
		}
	})
	t.Run("without a preflight", func(t *testing.T) {
		contentType, body := form(sentPart{name: "operations", content: one}, sentPart{name: "map", content: file}, x)
		if r, got := ask(t, "POST", at+"/graphql", body, contentType); r.StatusCode != 403 || !strings.Contains(got, "CSRF_PREVENTION") {
			t.Errorf("status %d, got %s", r.StatusCode, got)
		}
	})
	t.Run("cut off", func(t *testing.T) {
		contentType, body := form(sentPart{name: "operations", content: one}, sentPart{name: "map", content: file}, sentPart{"0", "x", strings.Repeat("x", 900)})
		if r, got := ask(t, "POST", at+"/graphql", body[:len(body)-300], contentType, "Apollo-Require-Preflight: true"); r.StatusCode != 400 || !strings.Contains(got, "ended early") {
			t.Errorf("status %d, got %s", r.StatusCode, got)
		}
	})
	t.Run("disabled", func(t *testing.T) {
		at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), nil)
		if status, got := upload(t, at, one, file, x); status != 415 || !strings.Contains(got, "File uploads are disabled") {
			t.Errorf("status %d, got %s", status, got)
		}
	})
}

// lastPart is a subgraph whose reader of forms keeps the last of two parts with one name, as many do.
// It answers with the operation, and with the names and types of the files.
func lastPart(w http.ResponseWriter, r *http.Request) {
	parts := map[string]string{}
	reader, err := r.MultipartReader()
	for err == nil {
		var part *multipart.Part
		if part, err = reader.NextPart(); err == nil {
			content, _ := io.ReadAll(part)
			parts[part.FormName()] = strings.TrimPrefix(part.Header.Get("Content-Disposition")+", "+part.Header.Get("Content-Type")+", ", `form-data; name="`+part.FormName()+`"`) + string(content)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(mustJSON(map[string]any{"data": map[string]string{"upload": string(mustJSON(parts))}}))
}

// The router chooses the names of the parts for subgraphs: a file that a client names "operations"
// would replace the operation that the router has checked.
func TestFilesCannotReplaceTheOperation(t *testing.T) {
	at := serveRouter(t, composed(t, filesA, filesB), nil, lastPart, withUploads(nil))
	const other = `{"query":"mutation { secret }"}`
	for name, c := range map[string]struct{ key, disposition, contentType, want string }{
		"named operations":       {"operations", `name="operations"; filename="x"`, "text/plain", `; filename="x", text/plain, `},
		"named map":              {"map", `name="map"`, "text/plain", `; filename="blob", text/plain, `},
		"a name in the filename": {"0", `name="0"; filename="x\"; name=\"operations"`, "text/plain", `; filename="x%22_ name=%22operations", text/plain, `},
		"a backslash":            {"0", `name="0"; filename="x\\"`, "text/plain", `; filename="x_", text/plain, `},
		"a control character":    {"0", "name=\"0\"; filename*=UTF-8''x%0D%0Ay%00", "text/plain", `; filename="x__y_", text/plain, `},
		"a long filename":        {"0", `name="0"; filename="` + strings.Repeat("x", 1000) + `"`, "text/plain", `; filename="` + strings.Repeat("x", 252) + `", text/plain, `},
		"parts in the file":      {"0", `name="0"; filename="x"`, "multipart/mixed; boundary=b", `; filename="x", application/octet-stream, `},
		"no type":                {"0", `name="0"; filename="x"`, ";", `; filename="x", application/octet-stream, `},
		"a type with parameters": {"0", `name="0"; filename="é.webm"`, "video/webm;codecs=vp8", `; filename="é.webm", video/webm; codecs=vp8, `},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			_ = w.WriteField("operations", `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`)
			_ = w.WriteField("map", `{"`+c.key+`":["variables.f"]}`)
			part, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {"form-data; " + c.disposition}, "Content-Type": {c.contentType}})
			_, _ = io.WriteString(part, other)
			_ = w.Close()
			r, text := ask(t, "POST", at+"/graphql", b.String(), "Content-Type: "+w.FormDataContentType(), "Apollo-Require-Preflight: true")
			var body struct{ Data struct{ Upload string } }
			parts := map[string]string{}
			if err := json.Unmarshal([]byte(text), &body); err != nil || r.StatusCode != 200 {
				t.Fatalf("status %d, got %s", r.StatusCode, text)
			}
			if err := json.Unmarshal([]byte(body.Data.Upload), &parts); err != nil {
				t.Fatalf("got %s", text)
			}
			if len(parts) != 3 || strings.Contains(parts["operations"], "secret") || !strings.Contains(parts["operations"], "upload(file") || !strings.HasSuffix(parts["map"], `{"0":["variables.f"]}`) || parts["0"] != c.want+other {
				t.Errorf("the subgraph got %q\nwant %s", parts, c.want)
			}
		})
	}
}

// The scalars that take files can have other names.
func TestScalarsTakeFilesIfNamed(t *testing.T) {
	named := strings.ReplaceAll(filesA, "Upload", "File")
	at := serveRouter(t, composed(t, named, "type Query { open: String }"), nil, lastPart, withUploads(func(c *config.Config) { c.FileUploads.Scalars = []string{"File"} }))
	status, got := upload(t, at, `{"query":"mutation($f: File!) { upload(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`, sentPart{"0", "x", "X"})
	if status != 200 || !strings.Contains(got, "variables.f") {
		t.Errorf("status %d, got %s", status, got)
	}
}

// The subgraph gets the beginning of a file before the client has sent its end.
func TestFilesAreForwardedWhileTheyArrive(t *testing.T) {
	begun := make(chan string, 1)
	at := serveRouter(t, composed(t, filesA, filesB), nil, func(w http.ResponseWriter, r *http.Request) {
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		var total int64
		for {
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			if part.FormName() == "0" {
				first := make([]byte, 5)
				if _, err := io.ReadFull(part, first); err != nil {
					t.Error(err)
				}
				begun <- string(first)
			}
			n, _ := io.Copy(io.Discard, part)
			total += n
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"upload":"done"}}`)
	}, withUploads(nil))
	_, head := form(sentPart{name: "operations", content: `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`}, sentPart{name: "map", content: `{"0":["variables.f"]}`})
	boundary := head[2:strings.Index(head, "\r\n")]
	head = strings.TrimSuffix(head, "--"+boundary+"--\r\n")
	body, write := io.Pipe()
	go func() {
		_, _ = io.WriteString(write, head+"--"+boundary+"\r\nContent-Disposition: form-data; name=\"0\"; filename=\"x\"\r\n\r\n"+"first"+strings.Repeat("x", 64<<10))
		if got := <-begun; got != "first" {
			t.Errorf("the subgraph got %q", got)
		}
		_, _ = io.WriteString(write, "last\r\n--"+boundary+"--\r\n")
		_ = write.Close()
	}()
	r, err := http.NewRequestWithContext(t.Context(), "POST", at+"/graphql", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	r.Header.Set("Apollo-Require-Preflight", "1")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, _ := io.ReadAll(response.Body); string(got) != `{"data":{"upload":"done"}}` {
		t.Errorf("got %s", got)
	}
}

// The router refuses an operation that is not allowed when it has read the part operations. The
// client here never sends what follows.
func TestUploadsAreRefusedBeforeTheirMapIsRead(t *testing.T) {
	at := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(func(c *config.Config) {
		c.Limits.MaxAliases = 1
	}))
	documents := filepath.Join(t.TempDir(), "documents.json")
	replace(t, documents, `{"operations": [{"id": "known", "body": "mutation($f: Upload!) { upload(file: $f) }"}]}`)
	trusting := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(func(c *config.Config) {
		c.PersistedDocuments.Path, c.PersistedDocuments.Require = documents, true
	}))
	for name, c := range map[string]struct {
		at, operations string
		status         int
		want           string
	}{
		"a document that is not trusted": {trusting, `{"query":"mutation($f: Upload!) { other(file: $f) }","variables":{"f":null}}`, 422, "PERSISTED_QUERY_REQUIRED"},
		"an unknown ID":                  {trusting, `{"documentId":"unknown","variables":{"f":null}}`, 422, "PERSISTED_QUERY_NOT_FOUND"},
		"an unknown hash":                {at, `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}},"variables":{"f":null}}`, 422, "PERSISTED_QUERY_NOT_FOUND"},
		"an invalid document":            {at, `{"query":"mutation($f: Upload!) { nothing(file: $f) }","variables":{"f":null}}`, 422, "GRAPHQL_VALIDATION_FAILED"},
		"a limit":                        {at, `{"query":"mutation($f: Upload!) { a: upload(file: $f) b: upload(file: $f) }","variables":{"f":null}}`, 422, "MAX_ALIASES_LIMIT"},
		"a batch":                        {at, `[{"query":"{ open }"}]`, 422, "batch cannot have files"},
	} {
		t.Run(name, func(t *testing.T) {
			body, write := io.Pipe()
			r, err := http.NewRequestWithContext(t.Context(), "POST", c.at+"/graphql", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			r.Header.Set("Apollo-Require-Preflight", "1")
			go func() {
				_, _ = io.WriteString(write, "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n"+c.operations+"\r\n--b\r\n")
			}()
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			defer write.Close()
			if got, err := io.ReadAll(response.Body); err != nil || response.StatusCode != c.status || !strings.Contains(string(got), c.want) || !response.Close {
				t.Errorf("status %d, got %s, %v; the connection closes: %t", response.StatusCode, got, err, response.Close)
			}
		})
	}
}

// A subgraph that refuses a file before it has read it, or that is gone, is an error of the field.
func TestSubgraphNeedNotReadFiles(t *testing.T) {
	operations, files := `{"query":"mutation($f: Upload!) { upload(file: $f) }","variables":{"f":null}}`, `{"0":["variables.f"]}`
	large := sentPart{"0", "x", strings.Repeat("x", 5<<20)}
	refusing := serveRouter(t, composed(t, filesA, filesB), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"upload":null},"errors":[{"message":"no pictures today","path":["upload"]}]}`)
	}, withUploads(nil))
	if status, got := upload(t, refusing, operations, files, sentPart{"0", "x", strings.Repeat("x", 100<<10)}); status != 200 || !strings.Contains(got, "no pictures today") {
		t.Errorf("status %d, got %s", status, got)
	}
	gone := serveRouter(t, composed(t, filesA, filesB), nil, gqlgenServer(t), withUploads(func(c *config.Config) {
		c.OverrideSubgraphURLs["a"] = []string{"http://127.0.0.1:1"}
	}))
	if status, got := upload(t, gone, operations, files, large); status != 200 || !strings.Contains(got, "SUBREQUEST_HTTP_ERROR") {
		t.Errorf("status %d, got %s", status, got)
	}
}
