package record

import (
	"encoding/json"
	"time"
)

// minutes is the number of minutes that errors are counted for.
const minutes = Seconds/60 + 1

type problemKey struct{ code, subgraph string }

// A problem is an error code of a subgraph, or of the router.
type problem struct {
	counts  [minutes]uint32
	at      [minutes]int64
	last    time.Time
	message string
	trace   TraceID
}

func (p *problem) add(now time.Time) {
	minute := now.Unix() / 60
	i := minute % minutes
	if p.at[i] != minute {
		p.at[i], p.counts[i] = minute, 0
	}
	p.counts[i]++
	p.last = now
}

func (p *problem) count(now time.Time, window time.Duration) (sum uint64) {
	last := now.Unix() / 60
	for i, at := range p.at {
		if at <= last && at > last-max(int64(window/time.Minute), 1) {
			sum += uint64(p.counts[i])
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

// add counts the errors of an operation. kept is set if its trace is kept.
func (all problems) add(o *Operation, now time.Time, kept bool) {
	for i, code := range o.Codes {
		subgraph := ""
		if i < len(o.Services) {
			subgraph = o.Services[i]
		}
		all.get(code, subgraph).add(now)
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
