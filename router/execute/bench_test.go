package execute

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"souk/router/execute/internal/plantext"
)

// sizes are numbers of entities: a hundred are about 20 KB, 100,000 about 20 MB.
var sizes = []int{10, 100, 1_000, 10_000, 100_000}

const benchPlan = `
query Query
fetch a : { products { __typename upc name price inStock tags } }
entities b dependsOn 0
  _entities r @products Product{upc} : { reviews { id body author { __typename id } } }
projection { products:[Product!]! { upc:ID! name:String! price:Int inStock:Boolean tags:[String!]! reviews:[Review] { id:ID! body:String author:User { id:ID! } } } }`

// benchAnswers are the responses to benchPlan's fetches for n products, each of
// which occurs twice if twice is set.
func benchAnswers(n int, twice bool) [2]string {
	var products, entities []string
	for i := range n {
		id := i
		if twice {
			id = i / 2
		}
		products = append(products, fmt.Sprintf(`{"__typename":"Product","upc":"%d","name":"Product number %d","price":%d,"inStock":true,"tags":["a","b"]}`, id, id, 100+id))
		if id == len(entities) {
			entities = append(entities, fmt.Sprintf(`{"reviews":[{"id":"r%d","body":"It does what it should, and that well.","author":{"__typename":"User","id":"u%d"}}]}`, id, id%7))
		}
	}
	return [2]string{
		`{"data":{"products":[` + strings.Join(products, ",") + `]}}`,
		`{"data":{"_entities":[` + strings.Join(entities, ",") + `]}}`,
	}
}

// joinPlan has two subgraphs with scalars and a nested object each, as a typical list has.
const joinPlan = `
query Query
fetch a : { items { id name price } }
entities b dependsOn 0
  _entities r @items Item{id} : { stock note warehouse { code city } }
projection { items:[Item!]! { id:ID! name:String! price:Int stock:Int note:String warehouse:Warehouse { code:String! city:String } } }`

// joinAnswers are the responses to joinPlan's fetches for n items.
func joinAnswers(n int) [2]string {
	var items, entities []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{"id":"%d","name":"Item number %d of the catalogue for this year","price":%d}`, i, i, 100+i%900))
		entities = append(entities, fmt.Sprintf(`{"stock":%d,"note":"We have had it for a year now and use it every day, in the kitchen.","warehouse":{"code":"W%02d","city":"Rotterdam"}}`, i%97, i%12))
	}
	return [2]string{
		`{"data":{"items":[` + strings.Join(items, ",") + `]}}`,
		`{"data":{"_entities":[` + strings.Join(entities, ",") + `]}}`,
	}
}

type replay [2]string

func (t replay) Send(_ context.Context, r *SubgraphRequest) (*SubgraphResponse, error) {
	text := t[0]
	if strings.Contains(string(r.Body.B[:21]), "step1") {
		text = t[1]
	}
	b := NewBuffer(len(text))
	b.B = append(b.B, text...)
	return &SubgraphResponse{Status: 200, Body: b}, nil
}

func (t replay) Subscribe(context.Context, *SubgraphRequest, func(*SubgraphResponse) error) error {
	return nil
}

func benchProgram(b testing.TB) *Program { return programOf(b, benchPlan) }

func programOf(b testing.TB, text string) *Program {
	p, err := plantext.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	program, err := Compile(p)
	if err != nil {
		b.Fatal(err)
	}
	return program
}

// stage runs f for each size, on an execution that has been advanced to a fetch and
// is reset to the same state each time.
func stage(b *testing.B, bytes func(answers [2]string) int, f func(b *testing.B, r *execution, answers [2]string)) {
	for _, n := range sizes {
		answers := benchAnswers(n, false)
		b.Run(fmt.Sprintf("entities=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			e := New(Options{Transport: replay(answers)})
			f(b, e.start(&Request{Program: benchProgram(b)}), answers)
			perUnit(b, n, bytes(answers))
		})
	}
}

// perUnit reports the time for each entity and for each byte. Both are the same for
// all sizes if the cost grows linearly.
func perUnit(b *testing.B, entities, bytes int) {
	b.Helper()
	b.SetBytes(int64(bytes))
	each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(each/float64(entities), "ns/entity")
	b.ReportMetric(each/float64(bytes), "ns/byte")
}

// advance runs a fetch to its end, or until it has its response.
func (x *execution) advance(step int, answer bool) {
	s := x.program.fetches[step]
	x.prepare(s)
	x.load(context.Background(), s)
	if answer {
		x.merge(context.Background(), s)
	}
}

func BenchmarkParse(b *testing.B) {
	stage(b, func(a [2]string) int { return len(a[0]) }, func(b *testing.B, r *execution, _ [2]string) {
		r.advance(0, false)
		s := r.program.fetches[0]
		for b.Loop() {
			r.tree.reset(r.program.rootSize)
			r.reader.begin(&r.tree, r.program, r.states[0].response.Body.B)
			if _, err := r.read(s, &r.states[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRepresent(b *testing.B) {
	stage(b, func(a [2]string) int { return len(a[0]) }, func(b *testing.B, r *execution, _ [2]string) {
		r.advance(0, true)
		s := r.program.fetches[1]
		for b.Loop() {
			r.states[1].reset()
			r.prepare(s)
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	stage(b, func(a [2]string) int { return len(a[1]) }, func(b *testing.B, r *execution, _ [2]string) {
		r.advance(0, true)
		r.advance(1, false)
		s := r.program.fetches[1]
		for b.Loop() {
			r.reader.begin(&r.tree, r.program, r.states[1].response.Body.B)
			if _, err := r.read(s, &r.states[1]); err != nil {
				b.Fatal(err)
			}
			r.reader.rollback()
			r.tree.bodies = r.tree.bodies[:1]
		}
	})
}

func BenchmarkProject(b *testing.B) {
	stage(b, func(a [2]string) int { return len(a[0]) + len(a[1]) }, func(b *testing.B, r *execution, answers [2]string) {
		r.advance(0, true)
		r.advance(1, true)
		out := make([]byte, 0, 2*(len(answers[0])+len(answers[1])))
		for b.Loop() {
			r.writer.execution = r
			r.writer.begin().Release()
			r.writer.out = out[:0]
			if !r.writer.object(0, r.program.projection, r.program.rootType) {
				b.Fatal("got null data")
			}
		}
	})
}

func BenchmarkExecute(b *testing.B) {
	for _, twice := range []bool{false, true} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("entities=%d/twice=%t", n, twice), func(b *testing.B) {
				answers := benchAnswers(n, twice)
				b.ReportAllocs()
				e := New(Options{Transport: replay(answers)})
				request := &Request{Program: benchProgram(b)}
				for b.Loop() {
					response := e.Execute(context.Background(), request)
					if response.Errors > 0 {
						b.Fatal(string(response.Body))
					}
					response.Release()
				}
				perUnit(b, n, len(answers[0])+len(answers[1]))
			})
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	for _, n := range sizes[:4] {
		b.Run(fmt.Sprintf("entities=%d", n), func(b *testing.B) {
			answers := joinAnswers(n)
			b.ReportAllocs()
			e := New(Options{Transport: replay(answers)})
			request := &Request{Program: programOf(b, joinPlan)}
			for b.Loop() {
				response := e.Execute(context.Background(), request)
				if response.Errors > 0 {
					b.Fatal(string(response.Body))
				}
				response.Release()
			}
			perUnit(b, n, len(answers[0])+len(answers[1]))
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	p, err := plantext.Parse(benchPlan)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(p); err != nil {
			b.Fatal(err)
		}
	}
}
