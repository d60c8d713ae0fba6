package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// deferSDL has a subgraph with users and two that add fields to them.
var deferSDL = strings.NewReplacer(
	`enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }`, `enum join__Graph {
  A @join__graph(name: "a", url: "http://a.invalid/graphql")
  B @join__graph(name: "b", url: "http://b.invalid/graphql")
  C @join__graph(name: "c", url: "http://c.invalid/graphql")
}
type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") @join__type(graph: C, key: "id") {
  id: ID!
  name: String @join__field(graph: A)
  mood: String @join__field(graph: B)
  rank: Int! @join__field(graph: C)
}`,
	`hello(name: String = "world"): String`, `hello(name: String = "world"): String me: User`,
).Replace(sdl)

// A heldTransport responds to each subgraph request with what the test sends on
// the subgraph's channel.
type heldTransport struct {
	answers map[string]chan string
	gone    chan string // subgraphs whose request was cancelled
}

func (h *heldTransport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	select {
	case text := <-h.answers[r.Subgraph]:
		return response(text), nil
	case <-ctx.Done():
		h.gone <- r.Subgraph
		return nil, ctx.Err()
	}
}

func (h *heldTransport) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return io.EOF
}

const (
	answerA    = `{"data":{"me":{"__typename":"User","id":"1","name":"Ada"}}}`
	answerB    = `{"data":{"_entities":[{"mood":"fine"}]}}`
	answerC    = `{"data":{"_entities":[{"rank":7}]}}`
	deferQuery = `{ me { name ... @defer(label: \"m\") { mood } ... @defer(label: \"r\") { rank } } }`
)

func startHeld(t *testing.T, configure func(*config.Config)) (*heldTransport, string) {
	t.Helper()
	h := &heldTransport{gone: make(chan string, 8), answers: map[string]chan string{"a": make(chan string), "b": make(chan string), "c": make(chan string)}}
	_, url := start(t, nil, func(c *config.Config, o *gateway.Options) {
		if configure != nil {
			configure(c)
		}
		o.Supergraph = deferSDL
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return h, func() {}, nil }
	})
	return h, url + "/graphql"
}

// open sends a request and returns the response when its headers have arrived.
func open(t *testing.T, url, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// A partReader reads the parts of a multipart response as they arrive.
type partReader struct {
	*testing.T
	response *http.Response
	parts    *multipart.Reader
}

func readParts(t *testing.T, r *http.Response) *partReader {
	t.Helper()
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/mixed" || r.StatusCode != http.StatusOK {
		t.Fatalf("got status %d, media type %s, err %v", r.StatusCode, media, err)
	}
	return &partReader{T: t, response: r, parts: multipart.NewReader(r.Body, parameters["boundary"])}
}

func (p *partReader) want(text string) {
	p.Helper()
	part, err := p.parts.NextRawPart()
	if err != nil {
		p.Fatalf("want part %s, got error %v", text, err)
	}
	got, err := io.ReadAll(part)
	if err != nil || string(got) != text {
		p.Errorf("got  %s, %v\nwant %s", got, err, text)
	}
	if t := part.Header.Get("Content-Type"); t != "application/json" {
		p.Errorf("got a part of type %s", t)
	}
}

func (p *partReader) wantEnd() {
	p.Helper()
	if part, err := p.parts.NextRawPart(); err != io.EOF {
		p.Errorf("after the last part: got %v, %v", part, err)
	}
}

const incremental = "Accept: application/json, multipart/mixed"

// A payload does not wait for a slower one.
func TestDeferredPayloadsAreSentWhenReady(t *testing.T) {
	h, url := startHeld(t, nil)
	go func() { h.answers["a"] <- answerA }()
	r := open(t, url, `{"query":"`+deferQuery+`"}`, incremental, "Accept-Encoding: gzip") //nolint:bodyclose // open closes it
	if r.Header.Get("Content-Encoding") != "" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v", r.Header)
	}
	p := readParts(t, r)
	p.want(`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"],"label":"m"},{"id":"1","path":["me"],"label":"r"}],"hasNext":true}`)
	h.answers["c"] <- answerC
	p.want(`{"incremental":[{"id":"1","data":{"rank":7}}],"completed":[{"id":"1"}],"hasNext":true}`)
	h.answers["b"] <- answerB
	p.want(`{"incremental":[{"id":"0","data":{"mood":"fine"}}],"completed":[{"id":"0"}],"hasNext":false}`)
	p.wantEnd()
}

func TestDeferredPayloadsCarryErrorsAndNulls(t *testing.T) {
	const noMood = `{"data":{"_entities":[{"mood":null}]},"errors":[{"message":"no mood","path":["_entities",0,"mood"],"extensions":{"code":"MOODLESS"}}]}`
	for _, c := range []struct {
		name, body, answerB, answerC string
		want                         []string
	}{
		{name: "error in a payload", body: `{"query":"{ me { name ... @defer { mood } } }"}`, answerB: noMood, want: []string{
			`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"]}],"hasNext":true}`,
			`{"incremental":[{"id":"0","data":{"mood":null},"errors":[{"message":"A subgraph reported an error.","path":["me","mood"],"extensions":{"code":"MOODLESS"}}]}],"completed":[{"id":"0"}],"hasNext":false}`,
		}},
		{name: "null propagates to the payload", body: `{"query":"{ me { name ... @defer { rank } } }"}`, answerC: `{"data":{"_entities":[{"rank":null}]}}`, want: []string{
			`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"]}],"hasNext":true}`,
			`{"completed":[{"id":"0","errors":[{"message":"Cannot return null for non-nullable field User.rank.","path":["me","rank"],"extensions":{"code":"RESPONSE_VALIDATION_FAILED"}}]}],"hasNext":false}`,
		}},
		{name: "condition", body: `{"query":"query($d: Boolean!) { me { name ... @defer(if: $d) { mood } } }","variables":{"d":true}}`, answerB: answerB, want: []string{
			`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"]}],"hasNext":true}`,
			`{"incremental":[{"id":"0","data":{"mood":"fine"}}],"completed":[{"id":"0"}],"hasNext":false}`,
		}},
		{name: "fragment", body: `{"query":"{ me { name ...M @defer } } fragment M on User { mood }"}`, answerB: answerB, want: []string{
			`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"]}],"hasNext":true}`,
			`{"incremental":[{"id":"0","data":{"mood":"fine"}}],"completed":[{"id":"0"}],"hasNext":false}`,
		}},
		{name: "root", body: `{"query":"{ __typename ... @defer { me { name } } }"}`, want: []string{
			`{"data":{"__typename":"Query"},"pending":[{"id":"0","path":[]}],"hasNext":true}`,
			`{"incremental":[{"id":"0","data":{"me":{"name":"Ada"}}}],"completed":[{"id":"0"}],"hasNext":false}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, url := startHeld(t, nil)
			go func() {
				h.answers["a"] <- answerA
				for name, text := range map[string]string{"b": c.answerB, "c": c.answerC} {
					if text != "" {
						h.answers[name] <- text
					}
				}
			}()
			p := readParts(t, open(t, url, c.body, incremental)) //nolint:bodyclose // open closes it
			for _, want := range c.want {
				p.want(want)
			}
			p.wantEnd()
		})
	}
}

func TestNestedDeferWaitsForItsParent(t *testing.T) {
	h, url := startHeld(t, nil)
	go func() { h.answers["a"] <- answerA }()
	p := readParts(t, open(t, url, `{"query":"{ me { name ... @defer(label: \"outer\") { mood ... @defer(label: \"inner\") { rank } } } }"}`, incremental)) //nolint:bodyclose // open closes it
	p.want(`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"],"label":"outer"}],"hasNext":true}`)
	h.answers["c"] <- answerC // but the enclosing payload has not been sent
	h.answers["b"] <- answerB
	var rest bytes.Buffer
	for {
		part, err := p.parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&rest, part); err != nil {
			t.Fatal(err)
		}
	}
	outer, inner := strings.Index(rest.String(), `{"mood":"fine"}`), strings.Index(rest.String(), `{"rank":7}`)
	if outer < 0 || inner < outer || !strings.HasSuffix(rest.String(), `"hasNext":false}`) {
		t.Errorf("got unexpected payloads %s", rest.String())
	}
}

// The format of August 2022 repeats all fields of each fragment, with its path
// and label.
func TestAugust2022FormatSendsWholeFragments(t *testing.T) {
	const noMood = `{"data":{"_entities":[{"mood":null}]},"errors":[{"message":"no mood","path":["_entities",0,"mood"],"extensions":{"code":"MOODLESS"}}]}`
	const nullRank = `{"data":{"_entities":[{"rank":null}]}}`
	first := `{"data":{"me":{"name":"Ada"}},"hasNext":true}`
	for _, c := range []struct {
		name, query      string
		answerB, answerC string // empty if the subgraph gets no request
		want             []string
	}{
		{name: "one by one", query: deferQuery, answerB: answerB, answerC: answerC, want: []string{first,
			`{"incremental":[{"data":{"mood":"fine"},"path":["me"],"label":"m"}],"hasNext":true}`,
			`{"incremental":[{"data":{"rank":7},"path":["me"],"label":"r"}],"hasNext":false}`}},
		{name: "without a label", query: `{ me { name ... @defer { mood } } }`, answerB: answerB, want: []string{first,
			`{"incremental":[{"data":{"mood":"fine"},"path":["me"]}],"hasNext":false}`}},
		{name: "fields of the first response are repeated", query: `{ me { name ... @defer(label: \"f\") { name mood } } }`, answerB: answerB, want: []string{first,
			`{"incremental":[{"data":{"name":"Ada","mood":"fine"},"path":["me"],"label":"f"}],"hasNext":false}`}},
		{name: "no other fields", query: `{ me { name ... @defer(label: \"f\") { name } } }`, want: []string{first,
			`{"incremental":[{"data":{"name":"Ada"},"path":["me"],"label":"f"}],"hasNext":false}`}},
		{name: "nested", query: `{ me { name ... @defer(label: \"o\") { mood ... @defer(label: \"i\") { rank mood } } } }`, answerB: answerB, answerC: answerC, want: []string{first,
			`{"incremental":[{"data":{"mood":"fine"},"path":["me"],"label":"o"}],"hasNext":true}`,
			`{"incremental":[{"data":{"mood":"fine","rank":7},"path":["me"],"label":"i"}],"hasNext":false}`}},
		{name: "at the root", query: `{ __typename ... @defer(label: \"q\") { me { name } } }`, want: []string{
			`{"data":{"__typename":"Query"},"hasNext":true}`,
			`{"incremental":[{"data":{"me":{"name":"Ada"}},"path":[],"label":"q"}],"hasNext":false}`}},
		{name: "below an object of the first response", query: `{ me { name } ... @defer(label: \"q\") { me { mood } } }`, answerB: answerB, want: []string{first,
			`{"incremental":[{"data":{"me":{"mood":"fine"}},"path":[],"label":"q"}],"hasNext":false}`}},
		{name: "error", query: `{ me { name ... @defer { mood } } }`, answerB: noMood, want: []string{first,
			`{"incremental":[{"data":{"mood":null},"path":["me"],"errors":[{"message":"A subgraph reported an error.","path":["me","mood"],"extensions":{"code":"MOODLESS"}}]}],"hasNext":false}`}},
		{name: "null for the fragment", query: `{ me { name ... @defer(label: \"r\") { rank } } }`, answerC: nullRank, want: []string{first,
			`{"incremental":[{"data":null,"path":["me"],"label":"r","errors":[{"message":"Cannot return null for non-nullable field User.rank.","path":["me","rank"],"extensions":{"code":"RESPONSE_VALIDATION_FAILED"}}]}],"hasNext":false}`}},
		{name: "null inside the fragment", query: `{ me { name ... @defer(label: \"m\") { mood } } ... @defer(label: \"q\") { me { rank } } }`, answerB: answerB, answerC: nullRank, want: nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, url := startHeld(t, nil)
			go func() {
				h.answers["a"] <- answerA
				// The second response is sent after the client has the first payload.
				if c.answerB != "" {
					h.answers["b"] <- c.answerB
				}
			}()
			p := readParts(t, open(t, url, `{"query":"`+c.query+`"}`, "Accept: multipart/mixed;deferSpec=20220824, application/json")) //nolint:bodyclose // open closes it
			if got := p.response.Header.Get("Content-Type"); got != `multipart/mixed;boundary="-";deferSpec=20220824` {
				t.Errorf("Content-Type = %s", got)
			}
			if c.want == nil {
				go func() { h.answers["c"] <- c.answerC }()
				p.wantNullOf("me")
				return
			}
			for i, want := range c.want {
				if i == len(c.want)-1 && c.answerC != "" {
					h.answers["c"] <- c.answerC
				}
				p.want(want)
			}
			p.wantEnd()
		})
	}
}

// Both fragments have the field that both select.
func TestDeferredFragmentsShareFields(t *testing.T) {
	h, url := startHeld(t, nil)
	go func() {
		h.answers["a"] <- answerA
		for { // one request for each fragment, unless they are merged
			select {
			case h.answers["b"] <- answerB:
			case <-t.Context().Done():
				return
			}
		}
	}()
	r := open(t, url, `{"query":"{ me { name ... @defer(label: \"x\") { mood } ... @defer(label: \"y\") { mood } } }"}`, "Accept: multipart/mixed;deferSpec=20220824")
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"x", "y"} {
		if want := `{"data":{"mood":"fine"},"path":["me"],"label":"` + label + `"}`; strings.Count(string(text), want) != 1 {
			t.Errorf("want %s exactly once in %s", want, text)
		}
	}
}

// wantNullOf reads all parts. One of them must have null for a root field, and
// no later one may have data below it.
func (p *partReader) wantNullOf(field string) {
	p.Helper()
	null, last := false, ""
	for {
		part, err := p.parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			p.Fatal(err)
		}
		last = string(text)
		if null && strings.Contains(last, `"path":["`+field+`"],"label"`) {
			p.Errorf("got data below null: %s", last)
		}
		null = null || strings.Contains(last, `"data":{"`+field+`":null}`)
	}
	if !null || !strings.HasSuffix(last, `"hasNext":false}`) {
		p.Errorf("null = %v, last part %s", null, last)
	}
}

func TestAcceptSelectsTheDeferFormat(t *testing.T) {
	for accept, want := range map[string]string{
		"multipart/mixed;deferSpec=20220824, application/json":                           `multipart/mixed;boundary="-";deferSpec=20220824`,
		`multipart/mixed; deferSpec="20220824"`:                                          `multipart/mixed;boundary="-";deferSpec=20220824`,
		"multipart/mixed;incrementalSpec=v0.1, application/json":                         `multipart/mixed;boundary="-";incrementalSpec=v0.1`,
		"multipart/mixed;incrementalSpec=v0.2, application/json":                         `multipart/mixed;boundary="-";incrementalSpec=v0.2`,
		"multipart/mixed;incrementalSpec=v0.2, multipart/mixed;deferSpec=20220824":       `multipart/mixed;boundary="-";incrementalSpec=v0.2`,
		"multipart/mixed;incrementalSpec=v0.2;q=0.5, multipart/mixed;deferSpec=20220824": `multipart/mixed;boundary="-";deferSpec=20220824`,
	} {
		h, url := startHeld(t, nil)
		go func() { h.answers["a"] <- answerA; h.answers["b"] <- answerB }()
		r := open(t, url, `{"query":"{ me { name ... @defer { mood } } }"}`, "Accept: "+accept)
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("Content-Type"); got != want || strings.Contains(string(text), "pending") != strings.HasSuffix(want, "v0.2") {
			t.Errorf("%s: got %s %s", accept, got, text)
		}
	}
}

// Clients that do not accept multipart responses, and operations that defer
// nothing, get one complete response.
func TestClientsWithoutIncrementalDeliveryGetOneResponse(t *testing.T) {
	const whole = `{"data":{"me":{"name":"Ada","mood":"fine","rank":7}}}`
	for _, c := range []struct{ name, accept, query, want string }{
		{name: "JSON", accept: "application/json", query: deferQuery, want: whole},
		{name: "any", accept: "*/*", query: deferQuery, want: whole},
		{name: "an unknown format", accept: "multipart/mixed;deferSpec=20200101,application/graphql-response+json,application/json;q=0.9", query: deferQuery, want: whole},
		{name: "the earlier format with a lower weight", accept: "multipart/mixed;deferSpec=20220824;q=0.5, application/json", query: deferQuery, want: whole},
		{name: "the earlier format, nothing deferred", accept: "multipart/mixed;deferSpec=20220824, application/json", query: `{ me { name mood rank } }`, want: whole},
		{name: "a future format", accept: `multipart/mixed;incrementalSpec="v9", application/json`, query: deferQuery, want: whole},
		{name: "JSON with a higher weight", accept: "multipart/mixed;q=0.5, application/json", query: deferQuery, want: whole},
		{name: "switched off", accept: "multipart/mixed, application/json", query: `{ me { name ... @defer(if: false) { mood rank } } }`, want: whole},
		{name: "nothing deferred", accept: "multipart/mixed, application/json", query: `{ me { name mood rank } }`, want: whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, url := startHeld(t, nil)
			go func() { h.answers["a"] <- answerA }()
			go func() { h.answers["b"] <- answerB }()
			go func() { h.answers["c"] <- answerC }()
			got := send(t, "POST", url, `{"query":"`+c.query+`"}`, "Accept: "+c.accept)
			if got.body != c.want || got.status != 200 {
				t.Errorf("got status %d, %s", got.status, got.body)
			}
		})
	}
}

func TestMultipartOnlyAcceptGetsOnePart(t *testing.T) {
	h, url := startHeld(t, nil)
	go func() { h.answers["a"] <- answerA }()
	r := open(t, url, `{"query":"{ me { name } }"}`, "Accept: multipart/mixed;incrementalSpec=v0.2") //nolint:bodyclose // open closes it
	if !strings.Contains(r.Header.Get("Content-Type"), "incrementalSpec=v0.2") {
		t.Errorf("got %s", r.Header.Get("Content-Type"))
	}
	p := readParts(t, r)
	p.want(`{"data":{"me":{"name":"Ada"}}}`)
	p.wantEnd()
	if got := send(t, "POST", url, `{"query":"{ nope }"}`, "Accept: multipart/mixed"); got.status != 422 || !strings.Contains(got.header.Get("Content-Type"), "graphql-response+json") {
		t.Errorf("invalid query: got status %d, headers %s", got.status, got.header)
	}
	if got := send(t, "POST", url, `{"query":"{ nope }"}`, "Accept: multipart/mixed;deferSpec=20200101"); got.status != 406 {
		t.Errorf("unknown format alone: got status %d", got.status)
	}
}

// When the client disconnects, its fetches are cancelled.
func TestDisconnectCancelsFetches(t *testing.T) {
	h, url := startHeld(t, nil)
	go func() { h.answers["a"] <- answerA }()
	r := open(t, url, `{"query":"`+deferQuery+`"}`, incremental)
	readParts(t, r).want(`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"],"label":"m"},{"id":"1","path":["me"],"label":"r"}],"hasNext":true}`)
	r.Body.Close()
	if first, second := <-h.gone, <-h.gone; first == second {
		t.Errorf("the request to %s was cancelled twice", first)
	}
}

func TestDeferredResponsesAreNotShared(t *testing.T) {
	h, url := startHeld(t, func(c *config.Config) { c.TrafficShaping.Router.Deduplicate = new(true) })
	const body = `{"query":"{ me { name ... @defer { mood } } }"}`
	for range 2 {
		go func() { h.answers["a"] <- answerA }()
		p := readParts(t, open(t, url, body, incremental)) //nolint:bodyclose // open closes it
		p.want(`{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"]}],"hasNext":true}`)
		h.answers["b"] <- answerB
		p.want(`{"incremental":[{"id":"0","data":{"mood":"fine"}}],"completed":[{"id":"0"}],"hasNext":false}`)
		go func() { h.answers["a"] <- answerA; h.answers["b"] <- answerB }()
		if got := send(t, "POST", url, body); got.body != `{"data":{"me":{"name":"Ada","mood":"fine"}}}` {
			t.Errorf("got %s", got.body)
		}
	}
}

func TestDeferWorksOverEventStreams(t *testing.T) {
	const (
		body   = `{"query":"{ me { name ... @defer { mood } } }"}`
		first  = `{"data":{"me":{"name":"Ada"}},"pending":[{"id":"0","path":["me"]}],"hasNext":true}`
		second = `{"incremental":[{"id":"0","data":{"mood":"fine"}}],"completed":[{"id":"0"}],"hasNext":false}`
	)
	h, url := startHeld(t, nil)
	go func() { h.answers["a"] <- answerA; h.answers["b"] <- answerB }()
	got := send(t, "POST", url, body, "Accept: text/event-stream")
	if want := fmt.Sprintf(":\n\nevent: next\ndata: %s\n\nevent: next\ndata: %s\n\nevent: complete\ndata:\n\n", first, second); got.body != want {
		t.Errorf("got %s", got.body)
	}
	s := dial(t, url, protocol)
	s.send(`{"type":"connection_init"}`)
	s.want(`{"type":"connection_ack"}`)
	s.send(`{"id":"1","type":"subscribe","payload":` + body + `}`)
	h.answers["a"] <- answerA
	s.want(`{"id":"1","type":"next","payload":` + first + `}`)
	h.answers["b"] <- answerB
	s.want(`{"id":"1","type":"next","payload":` + second + `}`)
	s.want(`{"id":"1","type":"complete"}`)
}
