package record

import (
	"encoding/json"
	"time"
)

type problemKey struct{ code, subgraph string }

// A problem is an error code of a subgraph, or of the router.
type problem struct {
	levels[tally]
	last    time.Time
	message string
	trace   TraceID
}

// A tally counts errors in one step.
type tally struct {
	at    int64
	count uint32
}

func (p *problem) add(at time.Time) {
	for i, step := range stepLengths {
		n, tallies := at.Unix()/step, p.level(i)
		one := &tallies[n%int64(len(tallies))]
		if one.at > n { // the step is over for longer than it is kept
			continue
		}
		if one.at != n {
			*one = tally{at: n}
		}
		one.count++
	}
	if at.After(p.last) {
		p.last = at
	}
}

func (p *problem) count(now time.Time, window time.Duration) (sum uint64) {
	of := spanOf(now, window)
	for _, one := range p.level(of.level) {
		if one.at >= of.first && one.at <= of.last {
			sum += uint64(one.count)
		}
	}
	return sum
}

// An Error is an error code with how often it occurred.
type Error struct {
	Code, Subgraph string // Subgraph is empty if the router reports the error
	Count          uint64
	Last           time.Time
	// Message and Trace are those of a recent operation. They are empty if none was kept.
	Message string
	Trace   TraceID
}

// A Message is an error in a response.
type Message struct {
	Message    string          `json:"message"`
	Path       json.RawMessage `json:"path,omitempty"`
	Extensions struct {
		Code    string `json:"code"`
		Service string `json:"service"`
	} `json:"extensions"`
}

// problems counts errors by code and subgraph. Codes after the first maxErrors count as
// otherCode, because subgraphs choose them.
type problems map[problemKey]*problem

const otherCode = "_OTHER"

func (all problems) get(code, subgraph string) *problem {
	key := problemKey{clip(code, maxName), clip(subgraph, maxName)}
	p := all[key]
	if p == nil && len(all) >= maxErrors {
		key = problemKey{code: otherCode}
		p = all[key]
	}
	if p == nil {
		p = &problem{}
		all[key] = p
	}
	return p
}

// add counts the errors of an operation that ended at a time. kept is set if its trace is kept.
func (all problems) add(o *Operation, at time.Time, kept bool) {
	for i, code := range o.Codes {
		subgraph := ""
		if i < len(o.Services) {
			subgraph = o.Services[i]
		}
		all.get(code, subgraph).add(at)
	}
	if !kept || len(o.Messages) == 0 {
		return
	}
	var messages []Message
	if json.Unmarshal(o.Messages, &messages) != nil {
		return
	}
	for i, m := range messages {
		if p := all[problemKey{clip(m.Extensions.Code, maxName), clip(o.Service(i, m), maxName)}]; p != nil {
			p.message, p.trace = clip(m.Message, maxMessage), o.ID
		}
	}
}

func (all problems) list(now time.Time, window time.Duration) []Error {
	var out []Error
	for key, p := range all {
		if n := p.count(now, window); n > 0 {
			out = append(out, Error{Code: key.code, Subgraph: key.subgraph, Count: n, Last: p.last, Message: p.message, Trace: p.trace})
		}
	}
	return out
}
