package execute_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

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

func (c *firstReader) early() *execute.Early {
	return &execute.Early{
		Begin: func(int) bool {
			if c.begun {
				c.fatal("begun twice")
			}
			c.begun = true
			return true
		},
		Send: func(body []byte) {
			if !bytes.HasPrefix(body, c.sent) {
				c.fatal("got  %s\nafter %s", body, c.sent)
			}
			c.sent = append(c.sent, body[len(c.sent):]...)
		},
	}
}

// checkEnd checks that a response goes on with what has been sent of it.
func (c *firstReader) checkEnd(response *execute.Response) {
	if !bytes.HasPrefix(response.Body, c.sent) || response.SentEarly != c.begun {
		c.fatal("got  %s\nafter %s (sent early: %t)", response.Body, c.sent, response.SentEarly)
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
			want := parsedResponse(t, execute.New(execute.Options{Transport: w}).Execute(context.Background(), &execute.Request{Program: program}))
			executor := execute.New(execute.Options{Transport: pieceTransport{w, rand.New(rand.NewPCG(w.seed, 0))}})
			for range 3 {
				client := firstReader{fatal: t.Fatalf}
				response := executor.Execute(context.Background(), &execute.Request{Program: program, Early: client.early()})
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
