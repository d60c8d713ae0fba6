package execute_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"souk/router/execute"
)

// runPlan has runs of all kinds of fields: in the objects of a list, which occur twice if two
// have the same ID, in an object inside a run, and in objects that two fetches write.
const runPlan = `
query Query
possible Media: Book Movie
enum Color: RED GREEN
fetch a : { items { id name n flag rate color any tags grid pages { no words } media { __typename title } last } one { any size { x y } } }
entities b dependsOn 0
  _e0 r0 @items Item{id last} : { stock note maker { code city { name } } }
  _e1 r1 @items Item{name} : { stock note extra }
projection {
  items:[Item!] {
    id:ID! name:String! n:Int flag:Boolean rate:Float! color:Color any:JSON tags:[String!] grid:[[Int]!]
    pages:[Page!] { no:Int words:String! } media:Media { __typename:String! title:String } last:Int
    stock:Int note:String maker:Maker { code:String! city:City { name:String } } extra:Boolean
  }
  one:One { any:JSON! size:Size! { x:Int! y:Float } }
}`

// FuzzRuns compares responses of which the reader keeps runs with the same responses with a
// space before each value, of which it keeps none.
func FuzzRuns(f *testing.F) {
	f.Add(
		`{"data":{"items":[{"id":"1","name":"a","n":3,"flag":true,"rate":0.5,"color":"RED","any":{"x":[1,"\u00e9"]},"tags":["t",""],"grid":[[1,null],[]],"pages":[{"no":1,"words":"w"},{"no":null,"words":"\ud83d\ude00"}],"media":{"__typename":"Book","title":null},"last":-2147483648}],"one":{"any":[],"size":{"x":1,"y":1e3}}}}`,
		`{"data":{"_e0":[{"stock":1,"note":null,"maker":{"code":"c","city":{"name":"n"}}}],"_e1":[{"stock":2,"note":"x","extra":false}]}}`,
	)
	f.Add(
		`{"data":{"items":[{"id":1,"name":"a","n":3.0,"flag":true,"rate":1,"color":"\u0052ED","any":null,"tags":null,"grid":null,"pages":[],"media":{"__typename":"Song","title":"t"},"last":2147483648},{"id":"1","name":"a","n":-0,"flag":0,"rate":"1","color":"BLUE","any":1,"tags":[null],"grid":[null],"pages":[{"words":"w","no":1}],"media":null,"last":1}],"one":{"any":null,"size":{"x":null}}}}`,
		`{"data":{"_e0":[{"note":"first","stock":1,"maker":null},null],"_e1":[{"stock":null,"note":null,"extra":true}]},"errors":[{"message":"m","path":["_e0",0,"maker","code"]}]}`,
	)
	f.Add(
		`{"data":{"items":[{"id":"1","name":"a","n":3,"name":"b","id":null,"flag":true,"rate":0.5,"color":"RED","any":0,"tags":["\ud800"],"grid":[[1]],"pages":[{"no":1,"words":"w"}],"media":{"__typename":"Movie","title":"t"},"last":1,"pages":[{"no":2,"words":"v"}],"media":{"title":"u"}}],"one":{"any":1,"size":{"x":1,"y":2},"size":{"x":7}}}}`,
		`{"data":{"_e0":[{"stock":1,"note":"n","maker":{"code":"c","city":{"name":"n"}},"stock":3,"maker":{"city":{"name":"m"}}}],"_e1":[]}}`,
	)
	f.Add(
		`{"data":{"items":[{"id":"1","name":null,"n":null,"flag":true,"rate":1,"color":null,"any":null,"tags":null,"grid":null,"pages":[{"no":null,"words":"w"}],"media":null,"last":1},{"id":"2","name":"b","n":1,"flag":true,"rate":null,"color":null,"any":null,"tags":null,"grid":null,"pages":null,"media":null,"last":1}],"one":{"any":1,"size":{"x":1,"y":null}}},"errors":[{"message":"m","path":["items",0,"n"]},{"message":"m","path":["items",1,"rate"]},{"message":"m","path":["items",0,"pages",0,"no"]},{"message":"m","path":["one","size","y"]},{"message":"m","path":["one"]}]}`,
		`{"data":{"_e0":[{"stock":null,"note":null,"maker":{"code":"c","city":null}},{"stock":1,"note":"n","maker":{"code":null,"city":null}}],"_e1":[null]},"errors":[{"message":"m","path":["_e0",0,"maker","city"]},{"message":"m","path":["_e0",1,"maker","code"]},{"message":"m","path":["_e1",0]},{"message":"m","path":["_e0",0]},{"message":"m"}]}`,
	)
	program := compile(f, runPlan)
	f.Fuzz(func(t *testing.T, a, b string) {
		data, errors := answer(t, program, a, b)
		wantData, wantErrors := answer(t, program, spaced(a), spaced(b))
		if !bytes.Equal(data, wantData) {
			t.Errorf("got  %s\nwant %s", data, wantData)
		}
		if !bytes.Equal(errors, wantErrors) {
			t.Errorf("got errors\n%s\nwant\n%s", errors, wantErrors)
		}
	})
}

// positions are where an error message says that a response is not JSON.
var positions = regexp.MustCompile(`(at byte|after) \d+`)

// answer returns the data and the errors of the response to two responses of subgraphs,
// without insignificant space.
func answer(t *testing.T, program *execute.Program, a, b string) (data, errors []byte) {
	t.Helper()
	response := execute.New(execute.Options{Transport: fixed{a, b}}).Execute(context.Background(), &execute.Request{Program: program})
	defer response.Release()
	var got struct{ Data, Errors json.RawMessage }
	if err := json.Unmarshal(response.Body, &got); err != nil {
		t.Fatalf("the response is not JSON (%v): %s", err, response.Body)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, got.Data); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes(), positions.ReplaceAll(got.Errors, nil)
}

// spaced puts a space after each colon that is not in a string.
func spaced(text string) string {
	var out []byte
	quoted := false
	for i := 0; i < len(text); i++ {
		out = append(out, text[i])
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(text):
			i++
			out = append(out, text[i])
		case c == ':' && !quoted:
			out = append(out, ' ')
		}
	}
	return string(out)
}

// The number of objects does not depend on how they are stored.
func TestObjectsInRunsAreCounted(t *testing.T) {
	const a = `{"data":{"items":[{"id":"1","name":"a","n":3,"flag":true,"rate":0.5,"color":"RED","any":{"x":1},"tags":[],"grid":[],"pages":[{"no":1,"words":"w"},{"no":2,"words":"v"}],"media":{"__typename":"Book","title":null},"last":1}],"one":{"any":{},"size":{"x":1,"y":1}}}}`
	const b = `{"data":{"_e0":[{"stock":1,"note":null,"maker":{"code":"c","city":{"name":"n"}}}],"_e1":[null]}}`
	program := compile(t, runPlan)
	for _, transport := range []fixed{{a, b}, {spaced(a), spaced(b)}} {
		response := execute.New(execute.Options{Transport: transport}).Execute(t.Context(), &execute.Request{Program: program})
		// items[0], two pages, media, maker, city, one, size
		if response.Objects != 8 || response.Errors > 0 {
			t.Errorf("got %d objects and %d errors: %s", response.Objects, response.Errors, response.Body)
		}
		response.Release()
	}
}

// A run is longer than the reader follows it, or is missing from many objects before one has it.
func TestRunsThatAreGivenUpAreReadFieldByField(t *testing.T) {
	item := func(id, pages string) string {
		return `{"id":` + id + `,"name":"a","n":3,"flag":true,"rate":0.5,"color":"RED","any":1,"tags":["t"],"grid":[],"pages":[` + pages + `],"media":null,"last":1}`
	}
	var pages, items []string
	for i := range 5000 {
		pages = append(pages, fmt.Sprintf(`{"no":%d,"words":"page number %d"}`, i, i))
	}
	for i := range 50 {
		items = append(items, item(fmt.Sprint(i), ""))
	}
	items = append(items, item(`"1"`, ""), item(`"2"`, ""))
	program := compile(t, runPlan)
	for name, list := range map[string]string{"long": item(`"1"`, strings.Join(pages, ",")), "missing": strings.Join(items, ",")} {
		t.Run(name, func(t *testing.T) {
			a, b := `{"data":{"items":[`+list+`],"one":null}}`, `{"data":{"_e0":null,"_e1":null}}`
			data, errors := answer(t, program, a, b)
			wantData, wantErrors := answer(t, program, spaced(a), spaced(b))
			if !bytes.Equal(data, wantData) || !bytes.Equal(errors, wantErrors) {
				t.Errorf("got  %.3000s %s\nwant %.3000s %s", data, errors, wantData, wantErrors)
			}
		})
	}
}
