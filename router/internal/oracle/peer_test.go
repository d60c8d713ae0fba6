package oracle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/wundergraph/astjson"
	toolsast "github.com/wundergraph/graphql-go-tools/v2/pkg/ast"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astnormalization"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/astparser"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/asttransform"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/engine/datasource/graphql_datasource"
	toolsplan "github.com/wundergraph/graphql-go-tools/v2/pkg/engine/plan"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/engine/postprocess"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/engine/resolve"
	"github.com/wundergraph/graphql-go-tools/v2/pkg/operationreport"

	"souk/router/execute"
	"souk/router/internal/oracle"
	"souk/router/supergraph"
)

// A peer is the federation engine of graphql-go-tools, which Cosmo is built on,
// over the same subgraphs as the router. It shares no code with Souk's planner
// and executor.
type peer struct {
	definition toolsast.Document
	config     toolsplan.Configuration
	resolver   *resolve.Resolver
}

func newPeer(t testing.TB, sdl string, subgraphs map[string]string, transport http.RoundTripper) *peer {
	t.Helper()
	model, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	p, err := configure(t.Context(), model.APISchema, subgraphs, &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func configure(ctx context.Context, api string, subgraphs map[string]string, client *http.Client) (*peer, error) {
	p := &peer{}
	var report operationreport.Report
	p.definition, report = astparser.ParseGraphqlDocumentString(api)
	if report.HasErrors() {
		return nil, report
	}
	if err := asttransform.MergeDefinitionWithBaseSchema(&p.definition); err != nil {
		return nil, err
	}
	config := toolsplan.Configuration{DefaultFlushIntervalMillis: 0, DisableIncludeFieldDependencies: true}
	factory, err := graphql_datasource.NewFactory(ctx, client, graphql_datasource.NewGraphQLSubscriptionClient(ctx))
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(subgraphs)) {
		source, err := dataSource(name, subgraphs[name], factory)
		if err != nil {
			return nil, fmt.Errorf("subgraph %s: %w", name, err)
		}
		config.DataSources = append(config.DataSources, source)
	}
	schema, err := parser.ParseSchema(&ast.Source{Input: api})
	if err != nil {
		return nil, err
	}
	for _, d := range schema.Definitions {
		for _, f := range d.Fields {
			if len(f.Arguments) == 0 {
				continue
			}
			field := toolsplan.FieldConfiguration{TypeName: d.Name, FieldName: f.Name}
			for _, a := range f.Arguments {
				field.Arguments = append(field.Arguments, toolsplan.ArgumentConfiguration{Name: a.Name, SourceType: toolsplan.FieldArgumentSource})
			}
			config.Fields = append(config.Fields, field)
		}
	}
	p.config = config
	p.resolver = resolve.New(ctx, resolve.ResolverOptions{MaxConcurrency: 32, PropagateSubgraphErrors: true})
	return p, nil
}

// dataSource describes a subgraph as graphql-go-tools wants it: the fields that
// a request can begin with (of root types and entities), all others, and the
// field sets of directives.
func dataSource(name, sdl string, factory *graphql_datasource.Factory[graphql_datasource.Configuration]) (toolsplan.DataSource, error) {
	document, err := parser.ParseSchema(&ast.Source{Name: name, Input: sdl})
	if err != nil {
		return nil, err
	}
	metadata := &toolsplan.DataSourceMetadata{}
	for _, d := range slices.Concat(document.Definitions, document.Extensions) {
		if d.Kind != ast.Object && d.Kind != ast.Interface {
			continue
		}
		fields := toolsplan.TypeField{TypeName: d.Name}
		for _, f := range d.Fields {
			if f.Directives.ForName("external") != nil {
				fields.ExternalFieldNames = append(fields.ExternalFieldNames, f.Name)
			} else {
				fields.FieldNames = append(fields.FieldNames, f.Name)
			}
			for directive, into := range map[string]*toolsplan.FederationFieldConfigurations{"requires": &metadata.Requires, "provides": &metadata.Provides} {
				if found := f.Directives.ForName(directive); found != nil {
					*into = append(*into, toolsplan.FederationFieldConfiguration{TypeName: d.Name, FieldName: f.Name, SelectionSet: found.Arguments.ForName("fields").Value.Raw})
				}
			}
		}
		keys := d.Directives.ForNames("key")
		for _, key := range keys {
			resolvable := key.Arguments.ForName("resolvable")
			metadata.Keys = append(metadata.Keys, toolsplan.FederationFieldConfiguration{
				TypeName: d.Name, SelectionSet: key.Arguments.ForName("fields").Value.Raw,
				DisableEntityResolver: resolvable != nil && resolvable.Value.Raw == "false",
			})
		}
		if len(keys) > 0 || d.Name == "Query" || d.Name == "Mutation" {
			metadata.RootNodes = append(metadata.RootNodes, fields)
		} else {
			metadata.ChildNodes = append(metadata.ChildNodes, fields)
		}
	}
	schema, err := graphql_datasource.NewSchemaConfiguration(sdl, &graphql_datasource.FederationConfiguration{Enabled: true, ServiceSDL: sdl})
	if err != nil {
		return nil, err
	}
	custom, err := graphql_datasource.NewConfiguration(graphql_datasource.ConfigurationInput{
		Fetch:               &graphql_datasource.FetchConfiguration{URL: "http://" + name, Method: http.MethodPost},
		SchemaConfiguration: schema,
	})
	if err != nil {
		return nil, err
	}
	return toolsplan.NewDataSourceConfiguration(name, factory, metadata, custom)
}

// A prepared operation of the peer.
type peerOperation struct {
	response  *resolve.GraphQLResponse
	variables *astjson.Value
}

func (p *peer) prepare(query string, variables json.RawMessage) (o *peerOperation, err error) {
	defer func() {
		if r := recover(); r != nil {
			o, err = nil, fmt.Errorf("panic: %v", r)
		}
	}()
	document, report := astparser.ParseGraphqlDocumentString(query)
	if report.HasErrors() {
		return nil, report
	}
	document.Input.Variables = variables
	normalizer := astnormalization.NewWithOpts(
		astnormalization.WithExtractVariables(), astnormalization.WithInlineFragmentSpreads(),
		astnormalization.WithRemoveFragmentDefinitions(), astnormalization.WithRemoveUnusedVariables(),
	)
	if normalizer.NormalizeOperation(&document, &p.definition, &report); report.HasErrors() {
		return nil, report
	}
	planner, err := toolsplan.NewPlanner(p.config)
	if err != nil {
		return nil, err
	}
	made := planner.Plan(&document, &p.definition, "", &report)
	if report.HasErrors() {
		return nil, report
	}
	postprocess.NewProcessor().Process(made)
	synchronous, ok := made.(*toolsplan.SynchronousResponsePlan)
	if !ok {
		return nil, fmt.Errorf("the plan is a %T", made)
	}
	values, err := astjson.ParseBytes(document.Input.Variables)
	if err != nil {
		return nil, err
	}
	return &peerOperation{response: synchronous.Response, variables: values}, nil
}

func (p *peer) execute(ctx context.Context, o *peerOperation, out *bytes.Buffer) error {
	request := resolve.NewContext(ctx)
	request.Variables = o.variables
	_, err := p.resolver.ResolveGraphQLResponse(request, o.response, nil, out)
	return err
}

// worldClient brings the peer's requests to a world's subgraphs.
type worldClient struct{ world *oracle.World }

func (c worldClient) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	c.world.Subgraph(strings.TrimSuffix(r.URL.Host, ":80")).ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// hasEqualAnswer says whether the peer's answer to an operation must be the
// oracle's. The oracle's data depends on every argument as it was sent, so it
// need not be for input objects with default values, which the peer sends along,
// and for empty lists, which it takes for those of variables.
func hasEqualAnswer(op oracle.Operation) bool {
	for _, part := range []string{"@defer", "[]", "filter:", "createProduct(", "updateProduct("} {
		if strings.Contains(op.Query, part) || bytes.Contains(op.Variables, []byte(part)) {
			return false
		}
	}
	return true
}

// A second engine gives the same answers as the oracle, which shows that the
// oracle is right about what Souk's router is compared with.
func TestPeerMatchesMonolith(t *testing.T) {
	subgraphs, sdl := store(t)
	for seed := *firstSeed; seed < *firstSeed+4; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := newRouter(t, sdl, oracle.Options{Seed: seed, Subgraphs: subgraphs})
			p := newPeer(t, sdl, subgraphs, worldClient{world: r.world})
			rng := rand.New(rand.NewPCG(seed, 3))
			answered := uint64(0)
			for range *operations {
				op := r.world.Generate(rng.IntN)
				if _, err := r.schema.Parse(op.Query, ""); err != nil || !hasEqualAnswer(op) {
					continue
				}
				p.check(t, r.world, op)
				answered++
			}
			if answered < *operations/3 {
				t.Errorf("only %d of %d operations were compared", answered, *operations)
			}
		})
	}
}

func (p *peer) check(t *testing.T, world *oracle.World, op oracle.Operation) {
	t.Helper()
	want, err := world.Monolith(op.Query, op.Values())
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := p.prepare(op.Query, op.Variables)
	if err != nil {
		t.Errorf("%v\n%s", err, op.Query)
		return
	}
	var out bytes.Buffer
	if err := p.execute(t.Context(), prepared, &out); err != nil {
		t.Errorf("%v\n%s", err, op.Query)
		return
	}
	var got struct{ Data json.RawMessage }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !equal(t, got.Data, want.Data) {
		t.Errorf("operation %s\nvariables %s\ngot  %s\nwant %s", op.Query, op.Variables, out.Bytes(), want.Data)
	}
}

// equal compares two JSON texts, but for the order of fields, which the peer
// does not keep.
func equal(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// replies answers requests that a world has answered before without executing
// them again, so that a benchmark measures engines and not the world.
type replies struct {
	world *oracle.World
	mu    sync.Mutex
	known map[string][]byte
}

func (r *replies) reply(subgraph string, body []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := subgraph + "\n" + string(body)
	if answer, ok := r.known[key]; ok {
		return answer
	}
	recorder := httptest.NewRecorder()
	r.world.Subgraph(subgraph).ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	r.known[key] = recorder.Body.Bytes()
	return r.known[key]
}

// RoundTrip implements http.RoundTripper for the peer.
func (r *replies) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	answer := r.reply(request.URL.Host, body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Request: request,
	}, nil
}

// Send implements execute.Transport for the router.
func (r *replies) Send(_ context.Context, request *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	answer := r.reply(request.Subgraph, request.Body.B)
	body := execute.NewBuffer(len(answer))
	body.B = append(body.B, answer...)
	return &execute.SubgraphResponse{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}, nil
}

// Subscribe implements execute.Transport.
func (*replies) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return errors.New("the worlds have no subscriptions")
}

// benchmarked is answered by four subgraphs, with entity fetches of many
// entities.
const benchmarked = `query Shop { orders(first: 10) { nodes { id status user { username displayName }
	lines { quantity product { name price { decimal currency } inStock stock { available reserved } category { name products(first: 5) { nodes { name available } } } } }
	notifications { status } } } users(first: 5) { nodes { username orders(first: 5) { nodes { id total { decimal } lines { product { name } } } } } } }`

// BenchmarkEngines compares the time that Souk and graphql-go-tools take to plan
// an operation, and to execute its plan when subgraphs answer at once.
func BenchmarkEngines(b *testing.B) {
	subgraphs, sdl := store(b)
	r := newRouter(b, sdl, oracle.Options{Seed: 1, Subgraphs: subgraphs})
	known := &replies{world: r.world, known: map[string][]byte{}}
	r.executor = execute.New(execute.Options{Transport: known})
	p := newPeer(b, sdl, subgraphs, known)
	document, err := r.schema.Parse(benchmarked, "")
	if err != nil {
		b.Fatal(err)
	}
	made, err := r.planner.Plan(document.Operation(nil))
	if err != nil {
		b.Fatal(err)
	}
	program, err := r.executor.Compile(made)
	if err != nil {
		b.Fatal(err)
	}
	prepared, err := p.prepare(benchmarked, json.RawMessage("{}"))
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, once func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := once(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("plan/souk", func() error {
		document, err := r.schema.Parse(benchmarked, "")
		if err != nil {
			return err
		}
		_, err = r.planner.Plan(document.Operation(nil))
		return err
	})
	run("plan/graphql-go-tools", func() error {
		_, err := p.prepare(benchmarked, json.RawMessage("{}"))
		return err
	})
	run("execute/souk", func() error {
		r.executor.Execute(b.Context(), &execute.Request{Program: program}).Release()
		return nil
	})
	var out bytes.Buffer
	run("execute/graphql-go-tools", func() error {
		out.Reset()
		return p.execute(b.Context(), prepared, &out)
	})
}
