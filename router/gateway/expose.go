package gateway

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"souk/router/auth"
	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/plan"
)

// An exposure is what a request asked to see of its plan, and may see.
type exposure uint8

const (
	exposeNothing exposure = iota
	exposePlan
	exposeOnlyPlan // without execution
)

// exposeToken is the request header with the token that allows to see plans.
const exposeToken = "Souk-Expose-Token"

// exposure returns what the request asks to see of its plan, if the configuration allows it.
// Otherwise the request is like one that does not ask: it does not tell who may.
func (x *exchange) exposure() exposure {
	c := &x.config.ExposeQueryPlan
	if !c.Enabled || x.batch {
		return exposeNothing
	}
	var asked exposure
	switch x.r.Header.Get(c.Header) {
	case "true":
		asked = exposePlan
	case "dry-run":
		asked = exposeOnlyPlan
	default:
		return exposeNothing
	}
	token := c.Token != "" && subtle.ConstantTimeCompare([]byte(x.r.Header.Get(exposeToken)), []byte(c.Token)) == 1
	caller := auth.From(x.r.Context())
	scope := c.Scope != "" && caller != nil && slices.Contains(caller.Scopes, c.Scope)
	if token || scope || x.config.Dev && c.Token == "" && c.Scope == "" {
		return asked
	}
	return exposeNothing
}

// respondPlan responds with the plan of an operation that is not executed.
func (x *exchange) respondPlan(p *prepared) {
	body := slices.Concat([]byte(`{"data":null,"extensions":`), x.extensions(p, nil, nil), []byte{'}'})
	x.vary = p.program.Audience.Vary
	x.w.Header()["Cache-Control"] = noStore
	x.write(http.StatusOK, body)
}

// planJSON returns the plan of a program in the JSON form of docs/query-plans.md, or nil if the
// program does not keep it.
func planJSON(program *execute.Program) json.RawMessage {
	if program.Plan == nil {
		return nil
	}
	var b bytes.Buffer
	if err := plan.WriteJSON(&b, program.Plan); err != nil { // unreachable: a plan can be encoded
		return nil
	}
	return b.Bytes()
}

// maxTimedFetches bounds the requests to subgraphs in Server-Timing.
const maxTimedFetches = 20

// serverTiming adds the durations of the stages and of requests to subgraphs to the header of
// a response (Server Timing, section 3), if the configuration or the request wants them.
func (x *exchange) serverTiming(h http.Header) {
	o := x.seen
	if o == nil || x.exposed == exposeNothing && !x.config.Telemetry.ServerTiming {
		return
	}
	var b []byte
	add := func(name string, d time.Duration) {
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(b, name...)
		b = append(b, ";dur="...)
		b = strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', -1, 64)
	}
	var before time.Duration
	for stage := record.Receive; stage <= record.Execute; stage++ {
		if end := o.Ended(stage); end > 0 {
			add(record.Stages[stage], end-before)
			before = end
		}
	}
	for i := range o.Fetches {
		if f := &o.Fetches[i]; f.Sent > 0 && i < maxTimedFetches {
			add("fetch;desc="+strconv.Quote(f.Subgraph), f.Duration)
		}
	}
	add("total", time.Since(o.Start))
	h["Server-Timing"] = []string{string(b)}
}
