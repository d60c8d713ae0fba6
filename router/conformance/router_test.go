package conformance

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"golang.org/x/tools/txtar"

	"souk/internal/detach/detachtest"
	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// start serves the subgraphs of a case and a router in front of them.
func start(t *testing.T, archive *txtar.Archive) *testCase {
	c := &testCase{files: map[string][]byte{}}
	for _, f := range archive.Files {
		c.files[f.Name] = f.Data
	}
	configuration, err := config.Parse(append([]byte("version: \"1\"\n"), c.files["router.yaml"]...), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	configuration.IncludeErrors.All = true
	configuration.OverrideSubgraphURLs = config.SubgraphURLs{}
	configuration.Subscriptions.Subgraphs = map[string]config.SubgraphStream{}
	separately := false
	configuration.TrafficShaping.All.DeduplicateQuery = &separately
	var keys http.Handler
	c.sign, keys = signer(t)
	server := httptest.NewServer(keys)
	t.Cleanup(server.Close)
	configuration.Authentication.JWT.JWKS = []config.JWKS{{URL: server.URL}}
	var list []compose.Subgraph
	for _, f := range archive.Files {
		name, ok := strings.CutSuffix(f.Name, ".graphqls")
		if !ok {
			continue
		}
		sdl := string(f.Data)
		if !strings.HasPrefix(sdl, "#") {
			sdl = federation + sdl
		}
		handler, err := newServer(name, sdl, c.files[name+".json"], &c.log)
		if err != nil {
			t.Fatalf("subgraph %s: %v", name, err)
		}
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		list = append(list, compose.Subgraph{Name: name, URL: server.URL, SDL: sdl})
		configuration.OverrideSubgraphURLs[name] = []string{server.URL}
		configuration.Subscriptions.Subgraphs[name] = config.SubgraphStream{Protocol: "sse"}
	}
	sdl := string(c.files["supergraph.graphql"])
	if sdl == "" {
		composed, err := compose.Compose(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		sdl = composed.SDL
	}
	c.url = serve(t, configuration, sdl)
	return c
}

func open(t *testing.T, configuration config.Config, sdl string) (*router.Router, error) {
	t.Helper()
	watch, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return router.New(t.Context(), configuration, router.Options{Supergraph: sdl, Telemetry: watch})
}

func serve(t *testing.T, configuration config.Config, sdl string) string {
	t.Helper()
	r, err := open(t, configuration, sdl)
	if err != nil {
		t.Fatal(err)
	}
	server := detachtest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL + configuration.Path
}

// signer returns a function that signs claims and a handler that serves the key set
// to verify the signatures.
func signer(t *testing.T) (sign func(claims []byte) string, keys http.Handler) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwk.Import(public)
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	for _, err := range []error{key.Set(jwk.KeyIDKey, "case"), key.Set(jwk.AlgorithmKey, jwa.EdDSA()), set.AddKey(key)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	secret, err := jwk.Import(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := secret.Set(jwk.KeyIDKey, "case"); err != nil {
		t.Fatal(err)
	}
	sign = func(claims []byte) string {
		token := jwt.New()
		if err := json.Unmarshal(claims, token); err != nil {
			t.Fatal(err)
		}
		if err := token.Set(jwt.ExpirationKey, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		signed, err := jwt.Sign(token, jwt.WithKey(jwa.EdDSA(), secret))
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	return sign, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(set); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

// send sends a client's request. It returns the status, unless that is 200, and the
// response as JSON, indented if it is long. For a multipart response it returns all
// parts, for an event stream all events.
func (c *testCase) send(t *testing.T, name string, query []byte) []byte {
	t.Helper()
	variables := c.files[name+".variables.json"]
	if variables == nil {
		variables = []byte("null")
	}
	body, err := json.Marshal(map[string]any{"query": string(query), "variables": json.RawMessage(variables)})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	switch {
	case bytes.Contains(query, []byte("subscription")):
		request.Header.Set("Accept", "text/event-stream")
	case bytes.Contains(query, []byte("@defer")):
		request.Header.Set("Accept", "multipart/mixed, application/json")
	}
	for line := range strings.Lines(string(c.files[name+".headers"])) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		request.Header.Set(key, value)
	}
	if claims := c.files[name+".token"]; claims != nil {
		request.Header.Set("Authorization", "Bearer "+c.sign(claims))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out bytes.Buffer
	if response.StatusCode != http.StatusOK {
		fmt.Fprintf(&out, "%s\n", response.Status)
	}
	media, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	switch media {
	case "text/event-stream":
		err = readEvents(&out, response.Body)
	case "multipart/mixed":
		err = readParts(&out, multipart.NewReader(response.Body, parameters["boundary"]))
	default:
		err = readJSON(&out, response.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readParts(out *bytes.Buffer, parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := readJSON(out, part); err != nil {
			return err
		}
	}
}

// readEvents copies all events except heartbeats.
func readEvents(out *bytes.Buffer, from io.Reader) error {
	text, err := io.ReadAll(from)
	for event := range strings.SplitAfterSeq(string(text), "\n\n") {
		if event != ":\n\n" {
			out.WriteString(event)
		}
	}
	return err
}

// readJSON copies a JSON text and indents it if it is long.
func readJSON(out *bytes.Buffer, from io.Reader) error {
	text, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	if len(text) <= 160 && json.Valid(text) {
		out.Write(text)
	} else if err := json.Indent(out, text, "", "  "); err != nil {
		return fmt.Errorf("the response is not JSON: %w: %s", err, text)
	}
	out.WriteByte('\n')
	return nil
}
