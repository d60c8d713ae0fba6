package execute_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/execute"
)

// A pieceTransport lets the responses of another Transport arrive in random pieces. Some are lost on the way,
// and asked for again.
type pieceTransport struct {
	execute.Transport
	random *rand.Rand
}

func (p pieceTransport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	response, err := p.Transport.Send(ctx, r)
	if err != nil {
		return nil, err
	}
	whole := response.Body.B
	random := rand.New(rand.NewPCG(uint64(len(whole)), p.random.Uint64()))
	for random.IntN(3) == 0 {
		arrive(r.Reservation, random, response, whole[:random.IntN(len(whole)+1)]).Release()
	}
	body := arrive(r.Reservation, random, response, whole)
	response.Body.Release()
	response.Body = body
	return response, nil
}

// An errorTransport adds errors behind the data of some responses of another Transport, the same to equal
// requests.
type errorTransport struct {
	execute.Transport
	seed uint64
}

func (f errorTransport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	response, err := f.Transport.Send(ctx, r)
	if err != nil || bytes.HasSuffix(response.Body.B, []byte("cut")) {
		return response, err
	}
	random := rand.New(rand.NewPCG(f.seed, uint64(len(r.Body.B))))
	if random.IntN(3) > 0 {
		return response, err
	}
	var list []string
	for range 1 + random.IntN(3) {
		path := []any{"_e0", random.IntN(3), "w_" + string(rune('a'+random.IntN(3))), 0}
		text, _ := json.Marshal(path[:random.IntN(len(path)+1)])
		list = append(list, `{"message":"m","path":`+string(text)+`}`)
	}
	body := response.Body
	body.B = append(body.B[:len(body.B)-1], `,"errors":[`+strings.Join(list, ",")+`]}`...)
	return response, nil
}

// arrive lets a text arrive in a buffer, which is replaced when it is full.
func arrive(room *execute.MemoryReservation, random *rand.Rand, response *execute.SubgraphResponse, text []byte) *execute.Buffer {
	room.Arriving(response.Status, response.Header, false)
	b := execute.NewBuffer(1)
	for len(text) > 0 {
		n := 1 + random.IntN(min(len(text), 1+random.IntN(400)))
		if len(b.B)+n > cap(b.B) {
			larger := execute.NewBuffer(2*len(b.B) + n)
			larger.B = append(larger.B, b.B...)
			b.Release()
			b = larger
		}
		b.B = append(b.B, text[:n]...)
		text = text[n:]
		if len(text) > 0 || random.IntN(2) == 0 {
			room.Arrived(b)
		}
	}
	return b
}

// A firstReader is a client that reads a response while it is made.
type firstReader struct {
	fatal func(string, ...any)
	begun bool
	sent  []byte
}

func (c *firstReader) Begin() {
	if c.begun {
		c.fatal("begun twice")
	}
	c.begun = true
}

func (c *firstReader) Send(body []byte) {
	if !bytes.HasPrefix(body, c.sent) {
		c.fatal("got  %s\nafter %s", body, c.sent)
	}
	c.sent = append(c.sent, body[len(c.sent):]...)
}

// checkEnd checks that a response goes on with what has been sent of it.
func (c *firstReader) checkEnd(response *execute.Response) {
	if !bytes.HasPrefix(response.Body, c.sent) {
		c.fatal("got  %s\nafter %s", response.Body, c.sent)
	}
}

// A response that is sent while the last subgraph response arrives is the same as one that is not.
func TestEarlyResponseIsTheSame(t *testing.T) {
	early := 0
	for _, nullable := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(t, nullable)
			program, err := execute.Compile(w.plan)
			if err != nil {
				t.Fatal(err)
			}
			faulty := errorTransport{w, w.seed}
			want := parsedResponse(t, execute.New(execute.Options{Transport: faulty}).Execute(context.Background(), &execute.Request{Program: program}))
			for _, delay := range []time.Duration{0, 0, 20 * time.Microsecond} {
				executor := execute.New(execute.Options{Transport: pieceTransport{faulty, rand.New(rand.NewPCG(w.seed, 0))}, EarlyDelay: delay})
				client := &firstReader{fatal: t.Fatalf}
				response := executor.Execute(context.Background(), &execute.Request{Program: program, Early: client})
				client.checkEnd(response)
				if client.begun {
					early++
				}
				got := parsedResponse(t, response)
				if got.data != want.data || !got.explainsAs(want) || len(want.errors) == 0 && got.objects != want.objects {
					text, _ := json.Marshal(w.plan)
					t.Fatalf("got  %+v\nwant %+v\nplan %s", got, want, text)
				}
			}
		})
	}
	if early == 0 {
		t.Error("no response was sent early")
	}
	t.Logf("%d responses were sent early", early)
}

type parsed struct {
	data    string
	errors  []string // sorted
	objects int
}

func parsedResponse(t interface{ Fatalf(string, ...any) }, response *execute.Response) parsed {
	defer response.Release()
	var members struct {
		Data   json.RawMessage
		Errors []json.RawMessage
	}
	if err := json.Unmarshal(response.Body, &members); err != nil {
		t.Fatalf("%v: %s", err, response.Body)
	}
	p := parsed{data: string(members.Data), objects: response.Objects}
	for _, e := range members.Errors {
		p.errors = append(p.errors, string(e))
	}
	slices.Sort(p.errors)
	return p
}

// explainsAs reports whether the errors of a response are those of another one with the same data, apart from errors
// below a null that another error explains: whether they are found depends on the order in which fields are written.
func (p parsed) explainsAs(other parsed) bool {
	var data any
	_ = json.Unmarshal([]byte(p.data), &data)
	nulls := map[string]bool{}
	for _, e := range p.errors {
		if !slices.Contains(other.errors, e) {
			return false
		}
		nulls[nullOf(data, e)] = true
	}
	return !slices.ContainsFunc(other.errors, func(e string) bool { return !slices.Contains(p.errors, e) && !nulls[nullOf(data, e)] })
}

// nullOf returns the path to the null in data that is at the path of an error or above it.
func nullOf(data any, e string) string {
	var members struct{ Path []any }
	_ = json.Unmarshal([]byte(e), &members)
	for i, element := range members.Path {
		switch at := data.(type) {
		case map[string]any:
			key, _ := element.(string)
			data = at[key]
		case []any:
			index, isIndex := element.(float64)
			if !isIndex || int(index) >= len(at) {
				return fmt.Sprint(members.Path[:i])
			}
			data = at[int(index)]
		default:
			return fmt.Sprint(members.Path[:i])
		}
	}
	return fmt.Sprint(members.Path)
}

// lateTransport responds to step 2 when a part of the response has been sent early.
type lateTransport struct{ begun chan struct{} }

func (l *lateTransport) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	switch step(r.Body.B) {
	case "0":
		return respond(`{"data":{"items":[{"id":1},{"id":2}]}}`)
	case "1":
		return respond(`{"data":{"_entities":[{"x":1},{"x":2}]}}`)
	}
	response, err := respond(`{"data":{"_entities":[{"y":1},{"y":2}]}}`)
	r.Reservation.Arriving(http.StatusOK, nil, false)
	part := execute.NewBuffer(100)
	part.B = append(part.B, `{"data":{"_entities":[{"y":1},`...)
	r.Reservation.Arrived(part)
	<-l.begun
	part.Release()
	return response, err
}

func (l *lateTransport) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}

// A lateClient reads the response of a lateTransport.
type lateClient struct {
	lateTransport
	sent []string
}

func (c *lateClient) Begin() {}

func (c *lateClient) Send(body []byte) {
	if c.sent = append(c.sent, string(body)); len(c.sent) == 1 {
		close(c.begun)
	}
}

// Of several fetches at the same time, the one that ends last is used while it arrives, also if nothing of it arrives
// after the others have ended, or after the delay.
func TestLastFetchIsUsedWhileItStalls(t *testing.T) {
	for _, c := range []struct {
		fetches string
		delay   time.Duration
	}{
		{"entities s dependsOn 0\n _entities r @items A{id} : { x }\nentities t dependsOn 0\n _entities r @items A{id} : { y }", 0},
		{"entities s dependsOn 0\n _entities r @items A{id} : { x }\nentities t dependsOn 0\n _entities r @items A{id} : { y }", time.Microsecond},
		{"entities s dependsOn 0\n _entities r @items A{id} : { x }\nentities t dependsOn 1\n _entities r @items A{id} : { y }", 0},
		{"entities s dependsOn 0\n _entities r @items A{id} : { x }\nentities t dependsOn 1\n _entities r @items A{id} : { y }", time.Millisecond},
	} {
		client := &lateClient{lateTransport: lateTransport{begun: make(chan struct{})}}
		program := compile(t, "query Query\nfetch s : { items { id } }\n"+c.fetches+"\nprojection { items:[A!]! { x:Int! y:Int } }")
		response := execute.New(execute.Options{Transport: &client.lateTransport, EarlyDelay: c.delay}).Execute(t.Context(), &execute.Request{Early: client, Program: program})
		if client.sent[0] != `{"data":{"items":[{"x":1,"y":1},{"x":2` || string(response.Body) != `{"data":{"items":[{"x":1,"y":1},{"x":2,"y":2}]}}` {
			t.Errorf("%+v: sent %q, got %s", c, client.sent, response.Body)
		}
		response.Release()
	}
}
