package execute_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/execute"
	"souk/router/execute/internal/reference"
	"souk/router/plan"
)

// A node is a response position of a random response.
type node struct {
	key, wire string
	typ       string // the type with its lists and non-nulls
	named     string
	kind      plan.TypeKind
	children  []*node
}

// world makes random plans over one random response tree and responds to their
// requests with random data. Equal requests get equal responses.
type world struct {
	t    *rapid.T
	root *node
	plan *plan.Plan
	seed uint64
	// nullable omits "!" from all types.
	nullable bool
	// alike gives the client's fields the names that fetches ask for, and their responses no
	// spaces, so that there are runs.
	alike bool
	// shapes are the selections of each fetch by the response key of an _entities
	// field, or by "" for a root fetch.
	shapes map[int]map[string]plan.Selections
}

var possible = map[string][]string{"I": {"T0", "T1"}}

func (w *world) chance(percent int, label string) bool {
	return rapid.IntRange(0, 99).Draw(w.t, label) < percent
}

func newWorld(t *rapid.T, nullable bool) *world {
	w := &world{t: t, nullable: nullable, seed: rapid.Uint64().Draw(t, "seed"), shapes: map[int]map[string]plan.Selections{}}
	w.alike = w.chance(60, "alike")
	w.root = &node{named: "Query", kind: plan.Object, children: w.children(3)}
	if w.chance(30, "twins") {
		// Two positions with equal fields, for fetches with several targets.
		twin := *w.root.children[0]
		twin.key, twin.wire = "twin", "twin"
		w.root.children = append(w.root.children, &twin)
	}
	w.plan = &plan.Plan{
		RootType: "Query", PossibleTypes: possible, InterfaceObjects: []string{"I"},
		EnumValues: map[string][]string{"E": {"A", "B"}}, Projection: w.projection(w.root),
	}
	for range rapid.IntRange(1, 2).Draw(t, "fetches") {
		s := w.step(plan.RootFetch)
		s.Selections = w.shape(w.root, 70)
		w.shapes[s.ID] = map[string]plan.Selections{"": s.Selections}
	}
	for range rapid.IntRange(0, 4).Draw(t, "entity steps") {
		w.entityStep()
	}
	return w
}

func (w *world) children(depth int) []*node {
	var list []*node
	for _, key := range []string{"a", "b", "c", "d"}[:rapid.IntRange(1, 4).Draw(w.t, "children")] {
		n := &node{key: key, wire: key}
		if w.chance(30, "alias") {
			n.wire = "w_" + key
		}
		if depth > 0 && w.chance(50, "composite") {
			n.named = rapid.SampledFrom([]string{"T0", "T1", "I"}).Draw(w.t, "type")
			n.kind = plan.Object
			if n.named == "I" {
				n.kind = plan.Interface
			}
			n.children = w.children(depth - 1)
		} else {
			n.kind = rapid.SampledFrom([]plan.TypeKind{plan.Int, plan.String, plan.ID, plan.Boolean, plan.Float, plan.Enum, plan.Scalar}).Draw(w.t, "kind")
			n.named = string(n.kind)
			switch n.kind {
			case plan.Enum:
				n.named = "E"
			case plan.Scalar:
				n.named = "JSON"
			}
		}
		n.typ = n.named
		if !w.nullable && w.chance(20, "non-null") {
			n.typ += "!"
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(w.t, "lists") {
			n.typ = "[" + n.typ + "]"
			if !w.nullable && w.chance(20, "non-null list") {
				n.typ += "!"
			}
		}
		list = append(list, n)
	}
	return list
}

func (w *world) projection(n *node) []*plan.Field {
	var fields []*plan.Field
	for _, c := range n.children {
		f := &plan.Field{ResponseKey: "r_" + c.key, StorageKey: c.key, Type: c.typ, Kind: c.kind}
		if w.alike {
			f.ResponseKey = c.wire
		}
		if c.children != nil {
			f.Fields = w.projection(c)
		}
		if n.named == "I" && w.chance(30, "on") {
			f.On = []string{"T1"}
		}
		fields = append(fields, f)
	}
	if w.alike && !w.nullable && w.chance(40, "typename first") {
		return append([]*plan.Field{{ResponseKey: "__typename", Source: plan.Typename, Type: "String!", Kind: plan.String}}, fields...)
	}
	if !w.nullable && w.chance(30, "typename") {
		fields = append(fields, &plan.Field{ResponseKey: "t", Source: plan.Typename, Type: "String!", Kind: plan.String})
	}
	return fields
}

func (w *world) step(kind plan.FetchKind) *plan.Fetch {
	s := &plan.Fetch{ID: len(w.plan.Fetches), Kind: kind, Subgraph: "s", Query: fmt.Sprintf("{step%d }", len(w.plan.Fetches))}
	if s.ID > 0 {
		// The fetches run in sequence: where two responses differ, the last counts.
		s.DependsOn = []int{s.ID - 1}
	}
	w.plan.Fetches = append(w.plan.Fetches, s)
	return s
}

// shape selects some of a node's fields, always including the __typename that
// distinguishes objects of an interface.
func (w *world) shape(n *node, percent int) plan.Selections {
	shape := plan.Selections{}
	if n.named == "I" || w.chance(20, "ask typename") {
		shape = append(shape, &plan.SelectedField{Name: "__typename", ResponseKey: "__typename", StorageKey: "__typename"})
	}
	for _, c := range n.children {
		if !w.chance(percent, "select") {
			continue
		}
		f := &plan.SelectedField{Name: c.wire, ResponseKey: c.wire, StorageKey: c.key}
		if c.children != nil {
			f.Selections = w.shape(c, percent)
		}
		shape = append(shape, f)
	}
	return shape
}

func (w *world) entityStep() {
	s := w.step(plan.EntitiesFetch)
	w.shapes[s.ID] = map[string]plan.Selections{}
	for i := range rapid.IntRange(1, 2).Draw(w.t, "entity fetches") {
		n, path := w.place()
		if n == nil {
			w.plan.Fetches = w.plan.Fetches[:s.ID]
			return
		}
		e := &plan.EntityFetch{ResponseKey: "_e" + strconv.Itoa(i), Variable: "r" + strconv.Itoa(i), Selections: w.shape(n, 60)}
		e.Targets = []plan.Target{{Path: path, Representations: w.representations(n)}}
		if twin := w.root.children[len(w.root.children)-1]; twin.key == "twin" && path[0].StorageKey == w.root.children[0].key {
			other := slices.Clone(path)
			other[0].StorageKey = "twin"
			e.Targets = append(e.Targets, plan.Target{Path: other, Representations: e.Targets[0].Representations})
		}
		s.Entities = append(s.Entities, e)
		w.shapes[s.ID][e.ResponseKey] = e.Selections
	}
}

// place chooses a position of a composite type.
func (w *world) place() (*node, []plan.Segment) {
	var at *node
	var path []plan.Segment
	for n := w.root; ; {
		var composite []*node
		for _, c := range n.children {
			if c.children != nil && c.key != "twin" {
				composite = append(composite, c)
			}
		}
		if len(composite) == 0 || at != nil && w.chance(40, "here") {
			return at, path
		}
		n = rapid.SampledFrom(composite).Draw(w.t, "way")
		segment := plan.Segment{StorageKey: n.key}
		if n.named == "I" && w.chance(40, "types") {
			segment.Types = []string{rapid.SampledFrom(possible["I"]).Draw(w.t, "only")}
		}
		at, path = n, append(path, segment)
	}
}

func (w *world) representations(n *node) []plan.Representation {
	var list []plan.Representation
	for range rapid.IntRange(1, 2).Draw(w.t, "representations") {
		r := plan.Representation{Typename: n.named, Fields: w.representation(n)}
		if w.chance(30, "representation on") {
			r.On = []string{"T0"}
		}
		list = append(list, r)
	}
	return list
}

func (w *world) representation(n *node) []plan.RepresentationField {
	fields := []plan.RepresentationField{}
	for _, c := range n.children {
		if !w.chance(40, "represent") {
			continue
		}
		f := plan.RepresentationField{Name: "f_" + c.key, StorageKey: c.key}
		if c.children != nil {
			f.Fields = w.representation(c)
		}
		if w.chance(10, "field on") {
			f.On = []string{"T1"}
		}
		fields = append(fields, f)
	}
	return fields
}

// answer generates an object for a shape.
func (w *world) answer(r *rand.Rand, n *node, shape plan.Selections) string {
	var members []string
	for _, f := range shape.Flatten() {
		if f.StorageKey == "__typename" {
			t := n.named
			if t == "I" {
				t = []string{"T0", "T0", "T1", "T1", "T1", "Weird", "I"}[r.IntN(7)]
			}
			if t == "I" && w.nullable {
				t = "T1" // as in value
			}
			members = append(members, `"__typename":`+strconv.Quote(t))
			continue
		}
		c := n.children[slices.IndexFunc(n.children, func(c *node) bool { return c.key == f.StorageKey })]
		if r.IntN(30) == 0 {
			continue
		}
		colon := " :"
		if w.alike {
			colon = ":"
		}
		members = append(members, strconv.Quote(f.ResponseKey)+colon+w.value(r, c, c.typ, f.Selections))
	}
	if r.IntN(5) == 0 {
		members = append(members, `"extra":{"a":[1,{}]}`)
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	comma := ", "
	if w.alike {
		comma = ","
	}
	return "{" + strings.Join(members, comma) + "}"
}

func (w *world) value(r *rand.Rand, n *node, typ string, shape plan.Selections) string {
	typ, nonNull := strings.CutSuffix(typ, "!")
	switch k := r.IntN(100); {
	case k < 12 && (!nonNull || k < 2):
		return "null"
	case k == 12:
		wrong := []string{`"wrong"`, `-1.5e3`, `[null]`, `true`, `{"x":1}`}
		if w.nullable { // an object of unknown type is null, but not in parts
			wrong = wrong[:4]
		}
		return wrong[r.IntN(len(wrong))]
	}
	if item, ok := strings.CutPrefix(typ, "["); ok {
		items := make([]string, r.IntN(4))
		for i := range items {
			items[i] = w.value(r, n, item[:len(item)-1], shape)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	switch n.kind {
	case plan.Int:
		return pick("0", "7", "-2147483648")
	case plan.Float:
		return pick("0.5", "1", "1e9")
	case plan.Boolean:
		return pick("true", "false")
	case plan.ID:
		return pick(`"1"`, `"2"`, "3")
	case plan.Enum:
		return pick(`"A"`, `"B"`, `"\u0041"`, `"SECRET"`)
	case plan.Scalar:
		return pick(`{"x":[1.0]}`, `"s"`, "5")
	case plan.String:
		return pick(`"é"`, `"\n"`, `""`)
	default:
		return w.answer(r, n, shape)
	}
}

// respond responds to the request of a fetch.
func (w *world) respond(s *plan.Fetch, representations map[string][]string) string {
	random := func(text string) *rand.Rand {
		h := fnv.New64a()
		_, _ = fmt.Fprint(h, s.ID, text)
		return rand.New(rand.NewPCG(w.seed, h.Sum64()))
	}
	if s.Kind == plan.RootFetch {
		return w.answer(random(""), w.root, s.Selections)
	}
	var members []string
	for _, e := range s.Entities {
		n := w.root
		for _, segment := range e.Targets[0].Path {
			n = n.children[slices.IndexFunc(n.children, func(c *node) bool { return c.key == segment.StorageKey })]
		}
		items := []string{}
		for _, text := range representations[e.ResponseKey] {
			r := random(e.ResponseKey + text)
			if r.IntN(12) == 0 {
				items = append(items, "null")
			} else {
				items = append(items, w.answer(r, n, e.Selections))
			}
		}
		members = append(members, strconv.Quote(e.ResponseKey)+":["+strings.Join(items, ",")+"]")
	}
	return "{" + strings.Join(members, ",") + "}"
}

// fails reports whether a fetch fails as a whole.
func (w *world) fails(s *plan.Fetch) bool { return (w.seed>>s.ID)%16 == 0 }

// Send implements execute.Transport.
func (w *world) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	id, _ := strconv.Atoi(step(r.Body.B))
	s := w.plan.Fetches[id]
	if w.fails(s) {
		return respond(`{"data":{"cut`)
	}
	var request struct{ Variables map[string][]json.RawMessage }
	if err := json.Unmarshal(r.Body.B, &request); err != nil {
		return nil, err
	}
	representations := map[string][]string{}
	for _, e := range s.Entities {
		for _, text := range request.Variables[e.Variable] {
			representations[e.ResponseKey] = append(representations[e.ResponseKey], string(text))
		}
	}
	return respond(`{"data":` + w.respond(s, representations) + `}`)
}

func (w *world) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}

// TestResponseMatchesTheReference compares the executor with the reference for
// random plans and data.
func TestResponseMatchesTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, false)
		want := reference.Data(w.plan, func(s *plan.Fetch, representations map[string][]string) (json.RawMessage, bool) {
			return json.RawMessage(w.respond(s, representations)), !w.fails(s)
		})
		program, err := execute.Compile(w.plan)
		if err != nil {
			t.Fatal(err)
		}
		executor := execute.New(execute.Options{Transport: w})
		for range 2 { // the second run reuses the pooled memory of the first
			response := executor.Execute(context.Background(), &execute.Request{Program: program})
			var got struct {
				Data   json.RawMessage
				Errors []responseError
			}
			if err := json.Unmarshal(response.Body, &got); err != nil {
				t.Fatalf("the response is not JSON: %v: %s", err, response.Body)
			}
			if string(got.Data) != want {
				text, _ := json.Marshal(w.plan)
				t.Fatalf("got  %s\nwant %s\nplan %s", got.Data, want, text)
			}
			checkErrors(t, got.Data, got.Errors)
			response.Release()
		}
	})
}

type responseError struct {
	Message    string
	Path       []any
	Extensions struct{ Code string }
}

// checkErrors checks the paths of errors about values: there is a null at the path
// or above it, and no two errors have the same path.
func checkErrors(t *rapid.T, data json.RawMessage, errs []responseError) {
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range errs {
		if e.Extensions.Code != execute.CodeInvalidValue {
			continue
		}
		text := fmt.Sprint(e.Path)
		if seen[text] {
			t.Fatalf("two errors at %v", e.Path)
		}
		seen[text] = true
		at := tree
		for _, p := range e.Path {
			switch v := at.(type) {
			case map[string]any:
				at = v[p.(string)]
			case []any:
				at = v[int(p.(float64))]
			}
			if at == nil {
				break
			}
		}
		if at != nil {
			t.Fatalf("error %q at %v, where the value is %v", e.Message, e.Path, at)
		}
	}
}

// deferParts defers random fields, in payloads that may be nested.
func (w *world) deferParts(fields []*plan.Field, path []string, in int) {
	id := 0
	for _, f := range fields {
		f.DeferID = in
		if len(w.plan.Deferred) < 70 && w.chance(25, "defer") {
			if id == 0 {
				id = len(w.plan.Deferred) + 1
				w.plan.Deferred = append(w.plan.Deferred, &plan.DeferredPayload{ID: id, Parent: in, Path: path})
			}
			f.DeferID = id
		}
		w.deferParts(f.Fields, append(path[:len(path):len(path)], f.ResponseKey), f.DeferID)
	}
}

// TestPayloadsAddUpToTheWholeResponse merges the payloads of incremental responses
// and compares the result with the response without @defer.
func TestPayloadsAddUpToTheWholeResponse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, true)
		w.deferParts(w.plan.Projection, nil, 0)
		program, err := execute.Compile(w.plan)
		if err != nil {
			t.Fatal(err)
		}
		executor := execute.New(execute.Options{Transport: w})
		request := &execute.Request{Program: program}
		whole := executor.Execute(context.Background(), request)
		var want struct{ Data any }
		if err := json.Unmarshal(whole.Body, &want); err != nil {
			t.Fatal(err)
		}
		whole.Release()
		client := &incrementalClient{t: t}
		err = executor.Deliver(context.Background(), request, func(r *execute.Response) error {
			defer r.Release()
			client.receive(r.Body)
			if r.More != client.more {
				t.Fatalf("More = %t for %s", r.More, r.Body)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(client.pending) > 0 || client.more {
			t.Fatalf("payloads still pending at the end: %v", client.pending)
		}
		if !reflect.DeepEqual(client.data, want.Data) {
			t.Fatalf("got  %v\nwant %v", client.data, want.Data)
		}
	})
}

// overlapParts defers random fields in payloads that may be nested and that may have
// fields in common. The parents are the payloads that select the fields, or just 0.
func (w *world) overlapParts(fields []*plan.Field, path []string, parents []int) {
	from := slices.Clone(parents)
	for _, parent := range parents {
		for len(w.plan.Deferred) < 6 && w.chance(15, "defer") {
			id := len(w.plan.Deferred) + 1
			w.plan.Deferred = append(w.plan.Deferred, &plan.DeferredPayload{ID: id, Parent: parent, Path: path, Label: strconv.Itoa(id)})
			from = append(from, id)
		}
	}
	for _, f := range fields {
		var in []int
		for _, id := range from {
			if w.chance(50, "select") {
				in = append(in, id)
			}
		}
		if len(in) == 0 {
			in = append(in, rapid.SampledFrom(from).Draw(w.t, "select in"))
		}
		slices.Sort(in)
		f.DeferID, f.AlsoDeferredIn = in[0], in[1:]
		w.overlapParts(f.Fields, append(path[:len(path):len(path)], f.ResponseKey), in)
	}
}

// TestCompletedPayloadsAreWhole checks that the client has all fields of a payload when the
// payload is completed, unless errors come with it.
func TestCompletedPayloadsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, false)
		w.overlapParts(w.plan.Projection, nil, []int{0})
		program, err := execute.Compile(w.plan)
		if err != nil {
			t.Fatal(err)
		}
		client := &incrementalClient{t: t}
		client.completed = func(path []any, label string, failed bool) {
			if failed {
				return
			}
			id, err := strconv.Atoi(label)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			fields := w.plan.Projection
			value = client.data
			for _, p := range path {
				switch v := value.(type) {
				case map[string]any:
					value, fields = v[p.(string)], below(fields, p.(string))
				case []any:
					value = v[int(p.(float64))]
				}
			}
			checkWhole(t, value, fields, id, path)
		}
		executor := execute.New(execute.Options{Transport: w})
		err = executor.Deliver(context.Background(), &execute.Request{Program: program}, func(r *execute.Response) error {
			defer r.Release()
			client.receive(r.Body)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(client.pending) > 0 || client.more {
			t.Fatalf("payloads still pending at the end: %v", client.pending)
		}
	})
}

// below returns the fields of the objects with a response key, for all types.
func below(fields []*plan.Field, key string) []*plan.Field {
	var all []*plan.Field
	for _, f := range fields {
		if f.ResponseKey == key {
			all = append(all, f.Fields...)
		}
	}
	return all
}

// checkWhole checks that a value has the fields that a payload selects for all types.
func checkWhole(t *rapid.T, value any, fields []*plan.Field, payload int, path []any) {
	switch v := value.(type) {
	case []any:
		for i := range v {
			checkWhole(t, v[i], fields, payload, append(path[:len(path):len(path)], i))
		}
	case map[string]any:
		for _, f := range fields {
			if f.DeferID != payload && !slices.Contains(f.AlsoDeferredIn, payload) {
				continue
			}
			inner, ok := v[f.ResponseKey]
			if !ok && len(f.On) == 0 {
				t.Fatalf("payload %d is completed without %s at %v", payload, f.ResponseKey, path)
			}
			checkWhole(t, inner, f.Fields, payload, append(path[:len(path):len(path)], f.ResponseKey))
		}
	}
}

// An incrementalClient merges the payloads of the incremental delivery draft.
type incrementalClient struct {
	t       *rapid.T
	data    any
	pending map[string][]any
	labels  map[string]string
	more    bool
	// completed, unless nil, is called for each payload that is completed.
	completed func(path []any, label string, failed bool)
}

func (c *incrementalClient) receive(body []byte) {
	var r struct {
		Data    any
		Pending []struct {
			ID    string
			Path  []any
			Label string
		}
		Incremental []struct {
			ID      string
			SubPath []any
			Data    map[string]any
		}
		Completed []struct {
			ID     string
			Errors []any
		}
		HasNext bool
	}
	if err := json.Unmarshal(body, &r); err != nil {
		c.t.Fatalf("%v: %s", err, body)
	}
	if c.pending == nil {
		c.data, c.pending, c.labels = r.Data, map[string][]any{}, map[string]string{}
	} else if !c.more {
		c.t.Fatalf("got a payload after the last: %s", body)
	}
	for _, p := range r.Pending {
		c.pending[p.ID], c.labels[p.ID] = p.Path, p.Label
	}
	for _, i := range r.Incremental {
		path, ok := c.pending[i.ID]
		if !ok {
			c.t.Fatalf("data for %s, which is not pending: %s", i.ID, body)
		}
		at := c.data
		for _, p := range append(path[:len(path):len(path)], i.SubPath...) {
			switch v := at.(type) {
			case map[string]any:
				at = v[p.(string)]
			case []any:
				at = v[int(p.(float64))]
			}
		}
		into, ok := at.(map[string]any)
		if !ok {
			c.t.Fatalf("data for %v %v, where there is %v", path, i.SubPath, at)
		}
		for key, v := range i.Data {
			if _, twice := into[key]; twice {
				c.t.Fatalf("%s was delivered twice: %s", key, body)
			}
			into[key] = v
		}
	}
	for _, done := range r.Completed {
		if _, ok := c.pending[done.ID]; !ok {
			c.t.Fatalf("completed %s, which is not pending: %s", done.ID, body)
		}
		if c.completed != nil {
			c.completed(c.pending[done.ID], c.labels[done.ID], len(done.Errors) > 0)
		}
		delete(c.pending, done.ID)
	}
	c.more = r.HasNext
}
