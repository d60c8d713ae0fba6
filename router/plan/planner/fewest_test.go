package planner_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// fewest finds by exhaustive search the lowest number of requests, and for it the
// lowest number of levels of dependent requests, that answer a query on a supergraph
// of object types. It shares no code with the planner: instead of choosing paths, it
// computes which facts (fields at response positions) are known after a sequence of
// requests, each of which fetches from one subgraph everything that can be fetched
// with what was known before its level. Fetching more never needs more requests, so
// the shortest sequence after which all selected facts are known is the optimum.
//
// For root fields of a mutation or a subscription, the first request is the only one of
// its level, and goes to the subgraph start.
type fewest struct {
	start *supergraph.Subgraph
	root  *object
	goals []*fact
	model *supergraph.Model
}

// An object is a response position with an object type. A fact is the value of one
// of its fields.
type object struct {
	typ    *supergraph.Type
	fields map[string]*fact
}

type fact struct {
	id    int
	field *supergraph.Field
	below *object // nil for a leaf
}

func newFewest(m *supergraph.Model, root *supergraph.Type, start *supergraph.Subgraph, selections []operation.Selection) *fewest {
	f := &fewest{model: m, start: start}
	count := 0
	f.root = f.object(root, selections, &count, &f.goals)
	return f
}

// object has the facts that are selected at a position and those that keys and
// requirements of its type may need.
func (f *fewest) object(t *supergraph.Type, selections []operation.Selection, count *int, goals *[]*fact) *object {
	o := &object{typ: t, fields: map[string]*fact{}}
	add := func(selections []operation.Selection, goals *[]*fact) {
		for _, sel := range selections {
			field := sel.(*operation.Field)
			if o.fields[field.Name] == nil {
				o.fields[field.Name] = &fact{id: *count, field: t.Field(field.Name)}
				*count++
			}
			known := o.fields[field.Name]
			if goals != nil {
				*goals = append(*goals, known)
			}
			if field.Selections != nil {
				known.below = f.object(known.field.Named, field.Selections, count, goals)
			}
		}
	}
	add(selections, goals)
	for _, in := range t.In {
		for _, k := range in.Keys {
			add(k.Fields.Selections, nil)
		}
	}
	for _, field := range t.Fields {
		for _, in := range field.In {
			if in.Requires != nil {
				add(in.Requires.Selections, nil)
			}
		}
	}
	return o
}

// ask returns what is known after a request to a subgraph, given what was known when
// it was sent. The first level has requests for root fields, later levels requests
// for entities.
func (f *fewest) ask(g *supergraph.Subgraph, before, known knowledge, first bool) knowledge {
	known = slices.Clone(known)
	f.learn(g, f.root, before, known, first && f.root.typ.InSubgraph(g) != nil)
	return known
}

// learn adds what a subgraph knows about an object and those below it. reached is set
// if the request has reached the object from above.
func (f *fewest) learn(g *supergraph.Subgraph, o *object, before, known knowledge, reached bool) {
	in := o.typ.InSubgraph(g)
	jump := in != nil && slices.ContainsFunc(in.Keys, func(k *supergraph.Key) bool { return k.Resolvable && o.knows(k.Fields, before) })
	for _, x := range o.fields {
		fi := x.field.InSubgraph(g)
		resolved := fi != nil && fi.Resolves(func(string) bool { return false }) &&
			(fi.Requires == nil && (reached || jump) || fi.Requires != nil && jump && o.knows(fi.Requires, before))
		if resolved {
			known[x.id] = true
		}
		if x.below != nil && (resolved || before[x.id]) {
			f.learn(g, x.below, before, known, resolved)
		}
	}
}

func (o *object) knows(set *supergraph.FieldSet, known knowledge) bool {
	for _, sel := range set.Selections {
		if x := o.fields[sel.(*operation.Field).Name]; x == nil || !known[x.id] {
			return false
		}
	}
	return true
}

// knowledge is the set of known facts by ID.
type knowledge []bool

func (k knowledge) key() string { return fmt.Sprint([]bool(k)) }

// search returns the fewest requests within a number of levels, and the fewest levels
// for them. requests is 0 if more than the limit are needed.
func (f *fewest) search(facts, limit, most int) (requests, levels int) {
	type state struct {
		known           knowledge
		requests, level int
	}
	done := func(k knowledge) bool {
		return !slices.ContainsFunc(f.goals, func(x *fact) bool { return !k[x.id] })
	}
	best := state{requests: limit + 1}
	seen := map[string]bool{}
	queue := []state{{known: make(knowledge, facts)}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if done(s.known) {
			if s.requests < best.requests || s.requests == best.requests && s.level < best.level {
				best = s
			}
			continue
		}
		if s.level == most {
			continue
		}
		// The next level may have requests to any set of subgraphs.
		for set := 1; set < 1<<len(f.model.Subgraphs); set++ {
			if f.start != nil && s.level == 0 && set != 1<<f.start.Index {
				continue
			}
			next := state{known: s.known, requests: s.requests, level: s.level + 1}
			for i, g := range f.model.Subgraphs {
				if set&(1<<i) != 0 {
					next.known = f.ask(g, s.known, next.known, s.level == 0)
					next.requests++
				}
			}
			key := fmt.Sprint(next.requests, next.level, next.known.key())
			if next.requests > min(limit, best.requests) || seen[key] {
				continue
			}
			seen[key] = true
			queue = append(queue, next)
		}
	}
	if best.requests > limit {
		return 0, 0
	}
	return best.requests, best.level
}

func (f *fewest) facts() int {
	n := 0
	var count func(o *object)
	count = func(o *object) {
		for _, x := range o.fields {
			n = max(n, x.id+1)
			if x.below != nil {
				count(x.below)
			}
		}
	}
	count(f.root)
	return n
}

// cost returns the requests and the levels of a plan.
func cost(p *plan.Plan) (requests, levels int) {
	level := make([]int, len(p.Fetches))
	for i, s := range p.Fetches {
		for _, a := range s.DependsOn {
			level[i] = max(level[i], level[a])
		}
		if s.FallbackFor == nil { // a fallback is sent only after a failure
			level[i]++
			requests++
		}
		levels = max(levels, level[i])
	}
	return requests, levels
}

// randomGraph writes a supergraph of a few object types, each in several subgraphs
// with their own keys, with randomly shareable fields.
func randomGraph(r *rand.Rand) string {
	graphs := 2 + r.IntN(3)
	types := 1 + r.IntN(3)
	var b strings.Builder
	b.WriteString(`schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query mutation: Mutation subscription: Subscription }` + "\nenum join__Graph {\n")
	for g := range graphs {
		fmt.Fprintf(&b, "  G%d @join__graph(name: \"g%d\", url: \"http://g%d\")\n", g, g, g)
	}
	b.WriteString("}\n")
	field := func(name, typ string, in []int, extra map[int]string) {
		fmt.Fprintf(&b, "  %s: %s", name, typ)
		for _, g := range in {
			fmt.Fprintf(&b, " @join__field(graph: G%d%s)", g, extra[g])
		}
		b.WriteString("\n")
	}
	some := func(least int) []int {
		list := r.Perm(graphs)[:least+r.IntN(graphs-least+1)]
		slices.Sort(list)
		return list
	}
	const keys = 3
	for t := range types {
		keyed := make([][]int, keys) // the subgraphs with each key
		fmt.Fprintf(&b, "type T%d", t)
		for g := range graphs {
			has := false
			for k := range keys {
				if r.IntN(3) == 0 {
					fmt.Fprintf(&b, ` @join__type(graph: G%d, key: "k%d")`, g, k)
					keyed[k] = append(keyed[k], g)
					has = true
				}
			}
			if !has {
				fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
			}
		}
		b.WriteString(" {\n")
		for k := range keys {
			in := keyed[k]
			for _, g := range some(1) {
				if !slices.Contains(in, g) {
					in = append(in, g)
				}
			}
			slices.Sort(in)
			field(fmt.Sprintf("k%d", k), "ID", in, nil)
		}
		for f := range 3 + r.IntN(3) {
			in := some(1)
			if r.IntN(2) == 0 {
				in = in[:1]
			}
			extra := map[int]string{}
			if r.IntN(4) == 0 {
				extra[in[0]] = fmt.Sprintf(`, requires: "r%d"`, r.IntN(2))
			}
			field(fmt.Sprintf("f%d", f), "Int", in, extra)
		}
		for f := range 2 {
			field(fmt.Sprintf("r%d", f), "Int", some(1), nil)
		}
		for f := range types {
			field(fmt.Sprintf("t%d", f), fmt.Sprintf("T%d", f), some(1), nil)
		}
		b.WriteString("}\n")
	}
	before := b.Len()
	b.WriteString("type Query")
	for g := range graphs {
		fmt.Fprintf(&b, " @join__type(graph: G%d)", g)
	}
	b.WriteString(" {\n")
	for t := range types {
		field(fmt.Sprintf("t%d", t), fmt.Sprintf("T%d", t), some(1), nil)
	}
	b.WriteString("}\n")
	query := b.String()[before:]
	for _, root := range []string{"Mutation", "Subscription"} {
		b.WriteString(strings.Replace(query, "Query", root, 1))
	}
	return b.String()
}

// randomQuery selects fields at random, each at most once.
func randomQuery(r *rand.Rand, schema *ast.Schema, t *ast.Definition, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	fields := slices.Clone(visible(t.Fields))
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	for i, f := range fields[:1+r.IntN(min(5, len(fields)))] {
		named := schema.Types[f.Type.Name()]
		switch {
		case !named.IsCompositeType():
			b.WriteString(" " + f.Name)
		case depth < 2:
			b.WriteString(" " + f.Name + randomQuery(r, schema, named, depth+1))
		case i == 0:
			b.WriteString(" __typename")
		}
	}
	return b.String() + "}"
}

var graphs = flag.Int("planner.graphs", 300, "how many random graphs to compare with exhaustive search")

// No plan with as many levels or fewer has fewer requests, and none with as many
// requests has fewer levels.
func TestNoPlanIsCheaper(t *testing.T) {
	planned, incomplete := map[string]int{}, 0
	for seed := range uint64(*graphs) {
		r := rand.New(rand.NewPCG(seed, 1))
		sdl := randomGraph(r)
		m, err := supergraph.Parse(sdl)
		if err != nil {
			t.Fatalf("graph %d: %v\n%s", seed, err, sdl)
		}
		schema, err := operation.NewSchema(m.APISchema)
		if err != nil {
			t.Fatal(err)
		}
		p := planner.New(m, planner.Options{})
		for range 4 {
			selections := randomQuery(r, schema.Definitions(), schema.Definitions().Query, 0)
			if strings.Contains(selections, "__typename") {
				continue
			}
			for _, kind := range []string{"query", "mutation", "subscription"} {
				doc, err := schema.Parse(kind+selections, "")
				if err != nil && kind == "subscription" { // it has several root fields
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				planned[kind]++
				switch err := cheapest(m, p, doc.Operation(nil)); {
				case errors.Is(err, errIncomplete):
					incomplete++
				case err != nil:
					t.Errorf("graph %d: %s%s: %v\n%s", seed, kind, selections, err, sdl)
				}
			}
		}
	}
	if incomplete > planned["query"]/50 {
		t.Errorf("the search was incomplete for %d operations of %v", incomplete, planned)
	}
	if planned["mutation"] == 0 || planned["subscription"] == 0 {
		t.Errorf("planned %v, want all kinds", planned)
	}
}

// errIncomplete is for plans whose search was incomplete.
var errIncomplete = errors.New("the search is incomplete")

func cheapest(m *supergraph.Model, p *planner.Planner, op *operation.Operation) error {
	made, explanation, err := p.Explain(op)
	if err != nil {
		if op.Kind != operation.Query {
			return nil // the same query says whether that is right
		}
		f := newFewest(m, m.Query, nil, op.Selections)
		if requests, _ := f.search(f.facts(), 5, 5); requests > 0 {
			return fmt.Errorf("%d requests suffice: %w", requests, err)
		}
		return nil
	}
	requests, levels := cost(made)
	var b strings.Builder
	fmt.Fprintf(&b, "search %s, found %+v, %+v, bound %+v\n", explanation.Search, explanation.Greedy, explanation.Chosen, explanation.Bound)
	if err := plan.Print(&b, made); err != nil {
		return err
	}
	if explanation.Search == planner.Incomplete {
		return errIncomplete
	}
	if want := (planner.Cost{Requests: requests, Levels: levels}); explanation.Chosen != want {
		return fmt.Errorf("the plan costs %+v:\n%s", want, b.String())
	}
	fewest, least := 0, 0
	for f, within := range parts(m, op, made) {
		partRequests, partLevels := f.search(f.facts(), requests, within)
		if partRequests == 0 {
			return fmt.Errorf("got %d requests on %d levels, which cannot answer the operation:\n%s", requests, levels, b.String())
		}
		fewest, least = fewest+partRequests, least+partLevels
	}
	switch {
	case fewest < requests:
		return fmt.Errorf("%d requests on %d levels suffice:\n%s", fewest, least, b.String())
	case fewest > requests:
		return fmt.Errorf("got %d requests, which cannot answer the operation:\n%s", requests, b.String())
	case least < levels:
		return fmt.Errorf("%d levels suffice for %d requests:\n%s", least, requests, b.String())
	}
	return nil
}

// parts returns what is planned for itself: a query, or what the root fields need that
// one request of a mutation or a subscription fetches, with the levels of the plan's.
func parts(m *supergraph.Model, op *operation.Operation, made *plan.Plan) map[*fewest]int {
	_, levels := cost(made)
	if op.Kind == operation.Query {
		return map[*fewest]int{newFewest(m, m.Query, nil, op.Selections): levels}
	}
	all := map[*fewest]int{}
	selections := op.Selections
	for i, fetch := range made.Fetches {
		if fetch.Kind == plan.EntitiesFetch {
			continue
		}
		start := m.Subgraphs[slices.IndexFunc(m.Subgraphs, func(g *supergraph.Subgraph) bool { return g.Name == fetch.Subgraph })]
		f := newFewest(m, m.Root(op.Kind), start, selections[:len(fetch.Selections)])
		selections = selections[len(fetch.Selections):]
		end := i + 1
		for end < len(made.Fetches) && made.Fetches[end].Kind == plan.EntitiesFetch {
			end++
		}
		_, before := cost(&plan.Plan{Fetches: made.Fetches[:i]})
		_, after := cost(&plan.Plan{Fetches: made.Fetches[:end]})
		all[f] = after - before
	}
	return all
}
