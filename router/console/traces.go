package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/console/record"
	"souk/router/gateway"
	"souk/router/internal/syntax"
	"souk/router/plan"
)

type tracesResponse struct {
	Traces []traceSummary `json:"traces"`
}

type traceSummary struct {
	ID        string         `json:"id"`
	Time      time.Time      `json:"time"`
	Carrier   string         `json:"carrier"`
	Operation traceOperation `json:"operation"`
	Client    traceClient    `json:"client"`
	Duration  float64        `json:"duration"`
	Status    int            `json:"status"`
	Outcome   string         `json:"outcome"`
	Errors    []traceError   `json:"errors"`
	Fetches   int            `json:"fetches"`
}

type traceOperation struct {
	Hash string `json:"hash"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

type traceClient struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type traceError struct {
	Message  string          `json:"message"`
	Code     string          `json:"code"`
	Subgraph string          `json:"subgraph,omitempty"`
	Path     json.RawMessage `json:"path,omitempty"`
}

// A traceResponse is one trace. The plan is made again when the trace is read.
type traceResponse struct {
	traceSummary
	Operation traceDocument     `json:"operation"`
	Shared    bool              `json:"shared"`
	Stages    []durationOfStage `json:"stages"`
	// Plan is nil if it cannot be made; then PlanError says why.
	Plan      json.RawMessage `json:"plan"`
	PlanText  string          `json:"plan_text"`
	PlanError *string         `json:"plan_error"`
	Fetches   []traceFetch    `json:"fetches"`
	Cost      cost            `json:"cost"`
	Limits    []limitOfOne    `json:"limits"`
}

type traceDocument struct {
	traceOperation
	// DocumentHash is the hash of the document with its values, as in distributed traces.
	DocumentHash string          `json:"document_hash"`
	Document     string          `json:"document"`
	Variables    json.RawMessage `json:"variables"`
}

type traceFetch struct {
	ID              int     `json:"id"`
	Subgraph        string  `json:"subgraph"`
	Start           float64 `json:"start"`
	Duration        float64 `json:"duration"`
	Status          int     `json:"status"`
	Sent            int     `json:"sent"`
	Received        int     `json:"received"`
	Representations int     `json:"representations"`
	// Entities is how many entities were requested from the subgraph, by this fetch or the one
	// that it shares the response of.
	Entities int `json:"entities"`
	// Found is how many entities or root fetches the cache had.
	Found int `json:"found"`
	// Outcome is that of the cache: hit, partial, miss or none (not asked), or shared: the
	// response is that of an identical request in progress.
	Outcome  string  `json:"outcome"`
	Retries  int     `json:"retries"`
	Error    *string `json:"error"`
	Query    string  `json:"query"`
	Critical bool    `json:"critical"`
}

const maxTraces = 500

func (h *handler) traces(r *http.Request) (any, error) {
	most, err := number(r, "limit", 50, 1, maxTraces)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	f := record.Filter{Operation: q.Get("operation"), Name: q.Get("name"), HasName: q.Has("name"), Limit: most}
	switch outcome := cmp.Or(q.Get("outcome"), "any"); outcome {
	case "any":
	case "slow", "error":
		f.Outcome = outcome
	default:
		return nil, &problem{status: http.StatusBadRequest, detail: "outcome must be slow, error or any."}
	}
	out := tracesResponse{Traces: []traceSummary{}}
	for _, t := range h.Recorder.Traces(f) {
		out.Traces = append(out.Traces, summary(t))
	}
	return out, nil
}

func summary(t *record.Trace) traceSummary {
	return traceSummary{
		ID: t.ID.String(), Time: t.Start.UTC(), Carrier: t.Carrier, Operation: operationOf(t.Document), Client: traceClient{t.Client, t.ClientVersion},
		Duration: t.Duration.Seconds(), Status: t.Status, Outcome: t.Outcome(), Errors: errorsOf(t), Fetches: len(t.Fetched),
	}
}

func operationOf(d *record.Document) traceOperation {
	return traceOperation{Hash: d.Key, Name: d.Name, Kind: d.Kind.String()}
}

// errorsOf returns the errors of a trace, as the client got them.
func errorsOf(t *record.Trace) []traceError {
	out := []traceError{}
	var messages []record.Message
	if len(t.Messages) == 0 || json.Unmarshal(t.Messages, &messages) != nil {
		return out
	}
	for i, m := range messages {
		out = append(out, traceError{Message: m.Message, Code: m.Extensions.Code, Subgraph: t.Service(i, m), Path: m.Path})
	}
	return out
}

func (h *handler) trace(r *http.Request) (any, error) {
	id, ok := record.ParseTraceID(r.PathValue("id"))
	if !ok {
		return nil, &problem{status: http.StatusBadRequest, detail: "A trace ID has 32 hexadecimal digits."}
	}
	t := h.Recorder.Trace(id)
	if t == nil {
		return nil, &problem{status: http.StatusNotFound, detail: "This trace is not kept. The router keeps slow and failing operations, the latest of each, and a sample of the others, until newer ones need their memory."}
	}
	out := traceResponse{
		traceSummary: summary(t), Shared: t.Shared, Stages: []durationOfStage{}, Fetches: []traceFetch{},
		Operation: traceDocument{traceOperation: operationOf(t.Document), DocumentHash: t.Document.Hash, Document: t.Document.Text, Variables: h.variables(t)},
		Cost:      h.costs(t.Cost, t.Actual), Limits: []limitOfOne{},
	}
	if !t.Document.Invalid {
		out.Limits = h.limitsOf(t.Document.Usage)
	}
	if cost, ok := h.Gateway.EstimateCost(t); ok && t.Cost < 0 {
		out.Cost.Estimated = &cost
	}
	if c := out.Cost.Estimated; c != nil {
		out.Limits = append(out.Limits, limitOfOne{Name: "demand_control", Used: *c, Limit: h.Limits.Cost})
	}
	for _, st := range t.StageTimes() {
		out.Stages = append(out.Stages, durationOfStage{Name: st.Name, Start: st.Start.Seconds(), Duration: (st.End - st.Start).Seconds()})
	}
	p, err := h.Gateway.PlanOf(r.Context(), t)
	if err == nil {
		out.Plan, out.PlanText, err = printed(p)
	}
	if err != nil {
		out.PlanError = new(string)
		*out.PlanError = planError(err)
	}
	out.Fetches = fetches(t, p)
	return out, nil
}

// planError says why there is no plan.
func planError(err error) string {
	for _, known := range []error{gateway.ErrUnplanned, gateway.ErrReplaced, gateway.ErrHidden} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the plan cannot be made again"
}

// fetches returns the fetches of a trace, by their ID. p may be nil.
func fetches(t *record.Trace, p *plan.Plan) []traceFetch {
	out := []traceFetch{}
	for _, f := range t.Fetched {
		one := traceFetch{
			ID: f.FetchID, Subgraph: f.Subgraph, Start: f.Offset.Seconds(), Duration: f.Duration.Seconds(), Status: f.Status, Sent: f.Sent,
			Received: f.Received, Representations: f.Representations, Found: f.Found, Outcome: outcome(&f), Retries: f.Retries,
		}
		if f.Representations > 0 && (f.Sent > 0 || f.Shared && !f.Unsent) {
			one.Entities = f.Representations - f.Found
		}
		if f.Error != "" {
			one.Error = &f.Error
		}
		if p != nil && f.FetchID < len(p.Fetches) {
			one.Query = query(p.Fetches[f.FetchID])
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b traceFetch) int { return cmp.Compare(a.ID, b.ID) })
	markCritical(out, p)
	return out
}

func outcome(f *record.Fetch) string {
	switch {
	case f.Shared && !f.Unsent:
		return "shared"
	case f.Looked == 0:
		return "none"
	case f.Found == 0:
		return "miss"
	case f.Found < f.Looked:
		return "partial"
	}
	return "hit"
}

// markCritical marks the fetches that the operation waited for: the one that ended last, the
// one that ended last of those it depends on, and so on.
func markCritical(list []traceFetch, p *plan.Plan) {
	byID := map[int]*traceFetch{}
	var last *traceFetch
	end := func(f *traceFetch) float64 { return f.Start + f.Duration }
	for i := range list {
		f := &list[i]
		byID[f.ID] = f
		if last == nil || end(f) > end(last) {
			last = f
		}
	}
	for last != nil {
		last.Critical = true
		if p == nil || last.ID >= len(p.Fetches) {
			return
		}
		var before *traceFetch
		for _, id := range p.Fetches[last.ID].DependsOn {
			if f := byID[id]; f != nil && (before == nil || end(f) > end(before)) {
				before = f
			}
		}
		last = before
	}
}

// variables returns the variables of a trace. Unless in development mode, their values are
// replaced; in it, those of secrets are.
func (h *handler) variables(t *record.Trace) json.RawMessage {
	if h.Dev {
		if !json.Valid(t.Variables) {
			return json.RawMessage("{}")
		}
		return withoutSecrets(t.Variables)
	}
	names := map[string]string{}
	if doc, err := syntax.Query(&ast.Source{Input: t.Document.Text}, 0); err == nil {
		if op := doc.Operations.ForName(t.Document.Name); op != nil {
			for _, v := range op.VariableDefinitions {
				names[v.Variable] = hidden
			}
		}
	}
	out, err := json.Marshal(names)
	if err != nil { // unreachable: strings can be encoded
		return json.RawMessage("{}")
	}
	return out
}

// hidden replaces a value that only development mode shows.
const hidden = "(hidden)"

// secretName matches the names of variables and input fields that hold secrets.
var secretName = regexp.MustCompile(`(?i)passw|passphrase|secret|token|credential|api_?key`)

// withoutSecrets returns JSON in which the values of secrets are replaced, at any depth.
func withoutSecrets(text json.RawMessage) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return json.RawMessage("{}")
	}
	out, err := json.Marshal(hideSecrets(value))
	if err != nil { // unreachable: what was decoded can be encoded
		return json.RawMessage("{}")
	}
	return out
}

func hideSecrets(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			if value[name] = hideSecrets(v); v != nil && secretName.MatchString(name) {
				value[name] = hidden
			}
		}
	case []any:
		for i, v := range value {
			value[i] = hideSecrets(v)
		}
	}
	return value
}
