package execute_test

import (
	"context"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"souk/router/execute"
)

const fuzzPlan = `
query Query
possible Media: Book Movie
enum Color: RED GREEN
interfaceObjects: Media
fetch a : { all { __typename id tags parts { n } } one { any color } }
entities b dependsOn 0
  _e0 r0 @all Media{id tags parts{n}} : { __typename title owner { __typename id } }
  _e1 r1 @all(Book) Book{id} : { pages }
entities c dependsOn 1
  _entities r @all.owner User{id} : { name all>friends { id } }
projection {
  all:[Media!] { t=__typename:String! <Book>pages:[[Int!]] title:String! owner:User { id:ID! name:String friends:[User!] { id:ID } } }
  one:One { any:JSON color:Color! }
}`

// FuzzResponses runs the executor with arbitrary bytes as subgraph responses. The
// client's response is always JSON, with null or an error in place of invalid
// values.
func FuzzResponses(f *testing.F) {
	f.Add(
		`{"data":{"all":[{"__typename":"Book","id":1,"tags":["a"],"parts":[{"n":1}]},{"__typename":"Media","id":"2","tags":null,"parts":[]},null],"one":{"any":{"x":[1]},"color":"RED"}}}`,
		`{"data":{"_e0":[{"__typename":"Book","title":"t","owner":{"__typename":"User","id":"u"}},{"__typename":"Movie","title":"m","owner":{"__typename":"User","id":"u"}}],"_e1":[{"pages":[[1,null]]}]},"errors":[{"message":"m","path":["_e0",1,"owner","id"]}]}`,
		`{"data":{"_entities":[{"name":"n","all":[{"id":"1"}]}]},"errors":[{"message":"m","path":["_entities",0,"all",0]},{"path":["_entities"]},{}]}`,
	)
	f.Add(`{"data":{"all":5,"one":[]}}`, `{"errors":[1,null]}`, `[]`)
	f.Add(`{"data":{"\u0061ll":[[{"id":1,"id":{}}]]},"data":{"one":null}}`, `{"data":null`, ``)
	program := compile(f, fuzzPlan)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		transport := fixed{a, b, c}
		executor := execute.New(execute.Options{Transport: transport})
		for range 2 {
			response := executor.Execute(context.Background(), &execute.Request{Program: program, Internals: true})
			var got struct {
				Data   json.RawMessage
				Errors []json.RawMessage
			}
			if err := json.Unmarshal(response.Body, &got); err != nil || !utf8.Valid(response.Body) {
				t.Fatalf("the response is not JSON (%v): %s", err, response.Body)
			}
			if len(got.Errors) != response.Errors || response.DataNull != (string(got.Data) == "null") {
				t.Errorf("got Errors = %d, DataNull = %t for %s", response.Errors, response.DataNull, response.Body)
			}
			for _, text := range transport {
				if (!json.Valid([]byte(text)) || !utf8.ValidString(text)) && string(got.Data) != "null" && response.Errors == 0 && text == a {
					t.Errorf("got no error for %q", text)
				}
			}
			response.Release()
		}
	})
}

// fixed responds to step N with its N-th text.
type fixed [3]string

func (f fixed) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	text := f[step(r.Body.B)[0]-'0']
	body := execute.NewBuffer(len(text))
	body.B = append(body.B, text...)
	return &execute.SubgraphResponse{Status: 200, Body: body}, nil
}

func (f fixed) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}
