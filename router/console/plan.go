package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"souk/router/gateway"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
)

// Limits are the configured limits of operations. Zero means no limit.
type Limits struct {
	operation.Limits
	// Cost is the highest estimated cost.
	Cost float64
	// Rate is the number of operations of one caller in an interval, InFlight that of all
	// operations in progress, and Streams that of open streams.
	Rate              float64
	InFlight, Streams int
	// BodyBytes is the size of a request body.
	BodyBytes int
}

// A planRequest is the body of POST /plan.
type planRequest struct {
	Query         string          `json:"query"`
	Variables     json.RawMessage `json:"variables"`
	OperationName string          `json:"operation_name"`
	Explain       bool            `json:"explain"`
}

type planResponse struct {
	// Plan is the JSON form of docs/query-plans.md.
	Plan        json.RawMessage   `json:"plan"`
	Text        string            `json:"text"`
	Explanation *explanation      `json:"explanation,omitempty"`
	Queries     []subgraphQuery   `json:"queries"`
	Cost        cost              `json:"cost"`
	Limits      []limitOfOne      `json:"limits"`
	Operation   plannedOperation  `json:"operation"`
	Stages      []durationOfStage `json:"stages"`
}

type plannedOperation struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

type explanation struct {
	Leaves []leaf            `json:"leaves"`
	Stages []durationOfStage `json:"stages"`
	Search string            `json:"search"`
	Bound  planCost          `json:"bound"`
	Greedy planCost          `json:"greedy"`
	Chosen planCost          `json:"chosen"`
	Edges  int               `json:"edges"`
}

// A planCost is a planner.Cost with the names of the admin API.
type planCost struct {
	Requests        int `json:"requests"`
	Levels          int `json:"levels"`
	InitialRequests int `json:"initial_requests,omitempty"`
	InitialLevels   int `json:"initial_levels,omitempty"`
}

// A leaf is the choice of a path for one leaf of the operation, or for a key or requirement.
type leaf struct {
	Path       string          `json:"path"`
	NeededFor  string          `json:"needed_for,omitempty"`
	Candidates []leafCandidate `json:"candidates"`
}

type leafCandidate struct {
	Path string `json:"path"`
	Cost int    `json:"cost"`
	// Added is what the path adds to the plan, or nil for a choice that the search made.
	Added  *int   `json:"added"`
	Chosen bool   `json:"chosen"`
	Reason string `json:"reason,omitempty"` // of the chosen one
}

type durationOfStage struct {
	Name     string  `json:"name"`
	Start    float64 `json:"start"`
	Duration float64 `json:"duration"`
}

type subgraphQuery struct {
	Fetch    int    `json:"fetch"`
	Subgraph string `json:"subgraph"`
	Query    string `json:"query"`
}

// A cost has nil for what is not known.
type cost struct {
	Estimated *float64 `json:"estimated"`
	Actual    *float64 `json:"actual"`
	Max       *float64 `json:"max"`
}

// A limitOfOne compares one operation with a limit. Limit is 0 if there is none.
type limitOfOne struct {
	Name  string  `json:"name"`
	Used  float64 `json:"used"`
	Limit float64 `json:"limit"`
}

func (h *handler) plan(r *http.Request) (any, error) {
	var in planRequest
	if err := h.read(r, &in, "query and optionally variables, operation_name and explain"); err != nil {
		return nil, err
	}
	variables, err := object(in.Variables)
	if err != nil {
		return nil, err
	}
	made, err := h.Gateway.Explain(r.Context(), in.Query, in.OperationName, variables)
	if err != nil {
		return nil, err
	}
	out := planResponse{Limits: h.limitsOf(made.Usage), Stages: stages(made.Stages), Cost: h.cost(made.Cost, made.HasCost)}
	out.Operation = plannedOperation{Name: made.Name, Kind: made.Plan.Kind.String()}
	if made.HasCost {
		out.Limits = append(out.Limits, limitOfOne{Name: "demand_control", Used: made.Cost, Limit: h.Limits.Cost})
	}
	if out.Plan, out.Text, err = printed(made.Plan); err != nil {
		return nil, err
	}
	out.Queries = queries(made.Plan)
	if in.Explain {
		out.Explanation = explain(&made.Explanation, out.Stages)
	}
	return out, nil
}

// read decodes the JSON body of a request. members lists those that it may have.
func (h *handler) read(r *http.Request, into any, members string) error {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return &problem{status: http.StatusUnsupportedMediaType, detail: "Content-Type must be application/json."}
	}
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, h.MaxBodyBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if p := problemOf(err); p.status == http.StatusRequestEntityTooLarge {
			return p
		}
		return &problem{status: http.StatusBadRequest, detail: "The body must be a JSON object with the members " + members + ": " + shorten(mistake(err)) + "."}
	}
	return nil
}

// mistake says what is wrong with a JSON text, without the words of the decoder, which names
// types of Go.
func mistake(err error) string {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	const unknown = "json: unknown field "
	switch {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s at byte %d", strings.TrimPrefix(syntax.Error(), "json: "), syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return "it is a JSON " + kind.Value
	case errors.As(err, &kind):
		return kind.Field + " cannot be a JSON " + kind.Value
	case strings.HasPrefix(err.Error(), unknown):
		return "it has the unknown member " + strings.TrimPrefix(err.Error(), unknown)
	}
	return "it cannot be read"
}

// object returns the variables of an operation, or nil if there are none.
func object(variables json.RawMessage) (json.RawMessage, error) {
	if string(variables) == "null" {
		return nil, nil
	}
	if len(variables) > 0 && variables[0] != '{' {
		return nil, &problem{status: http.StatusBadRequest, detail: "variables must be an object."}
	}
	return variables, nil
}

// printed returns the JSON and the text form of a plan.
func printed(p *plan.Plan) (json.RawMessage, string, error) {
	var form bytes.Buffer
	var text strings.Builder
	if err := plan.WriteJSON(&form, p); err != nil {
		return nil, "", err
	}
	if err := plan.Print(&text, p); err != nil {
		return nil, "", err
	}
	return form.Bytes(), text.String(), nil
}

func queries(p *plan.Plan) []subgraphQuery {
	out := []subgraphQuery{}
	for _, f := range p.Fetches {
		out = append(out, subgraphQuery{Fetch: f.ID, Subgraph: f.Subgraph, Query: query(f)})
	}
	return out
}

// query returns the operation that a fetch sends, on several lines.
func query(f *plan.Fetch) string { return strings.TrimSuffix(plan.Indent(f.Query, ""), "\n") }

func stages(times []gateway.StageTime) []durationOfStage {
	out := []durationOfStage{}
	at := 0.0
	for _, t := range times {
		d := t.Duration.Seconds()
		out = append(out, durationOfStage{Name: strings.TrimPrefix(t.Name, "graphql."), Start: at, Duration: d})
		at += d
	}
	return out
}

func (h *handler) cost(estimated float64, known bool) cost {
	var c cost
	if known {
		c.Estimated = &estimated
	}
	if most := h.Limits.Cost; most > 0 {
		c.Max = &most
	}
	return c
}

// limitsOf compares an operation with the limits of its size.
func (h *handler) limitsOf(u operation.Usage) []limitOfOne {
	l := h.Limits
	out := []limitOfOne{}
	for _, one := range []struct {
		name        string
		used, limit int
	}{
		{"max_depth", u.Depth, l.Depth}, {"max_height", u.Height, l.Height}, {"max_fields", u.Fields, l.Fields}, {"max_root_fields", u.RootFields, l.RootFields},
		{"max_aliases", u.Aliases, l.Aliases}, {"max_directives", u.Directives, l.Directives}, {"max_list_items", u.ListItems, l.ListItems},
	} {
		if one.name != "max_height" || one.limit > 0 { // otherwise it is not measured
			out = append(out, limitOfOne{one.name, float64(one.used), float64(one.limit)})
		}
	}
	return out
}

func explain(x *planner.Explanation, stages []durationOfStage) *explanation {
	out := &explanation{Leaves: []leaf{}, Stages: stages, Search: string(x.Search), Bound: planCost(x.Bound), Greedy: planCost(x.Greedy), Chosen: planCost(x.Chosen), Edges: x.Edges}
	for _, d := range x.Decisions {
		l := leaf{Path: d.Path, NeededFor: d.NeededFor}
		for _, c := range d.Candidates {
			candidate := leafCandidate{Path: c.Path, Cost: c.Cost, Chosen: c.Chosen}
			if c.Added >= 0 {
				candidate.Added = &c.Added
			}
			if c.Chosen {
				candidate.Reason = d.Reason
			}
			l.Candidates = append(l.Candidates, candidate)
		}
		out.Leaves = append(out.Leaves, l)
	}
	return out
}
