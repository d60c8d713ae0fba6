package record

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	schemausage "souk/router/usage"
)

// A TraceID identifies a trace.
type TraceID [16]byte

// String returns the ID as 32 hexadecimal digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// ParseTraceID parses the text form of a TraceID.
func ParseTraceID(text string) (id TraceID, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return TraceID(b), true
}

// A Document describes a document and the operation in it that is executed. It is made once
// for each entry of the document cache.
type Document struct {
	// Key identifies the operation: documents that differ only in values have the same. It
	// is the SHA-256 of the redacted text, or equal to Hash if the document cannot be
	// redacted. Hash is the SHA-256 of the document. Both are in hex.
	Key, Hash, Name string
	Kind            operation.Kind
	// Text is what the console shows: the document in development mode, otherwise its
	// redacted text, which is empty if there is none.
	Text string
	// Cut is set if Text is not the whole document.
	Cut bool
	// Usage is the size of the operation.
	Usage operation.Usage
	// Invalid is set if the document is not valid. Its Usage is not known.
	Invalid bool
}

func (d *Document) subscribes() bool { return d.Kind == operation.Subscription }

// NewInvalid returns a description of a document that is not valid. name and kind are those of
// the operation as far as they are known. shown is the text to show, or empty.
func NewInvalid(hash, name, shown string, kind operation.Kind) *Document {
	return &Document{
		Key: hash, Hash: hash, Name: strings.Clone(clip(name, maxName)), Kind: kind, Text: strings.Clone(clip(shown, maxTracedText)), Cut: true, Invalid: true,
	}
}

// NewDocument returns a description that does not keep a large document alive. redacted is
// the result of d.Redacted. shown is the text to show.
func NewDocument(hash, redacted, shown string, d *operation.Document) *Document {
	out := &Document{Key: hash, Hash: hash, Name: d.Name(), Kind: d.Kind(), Text: shown, Cut: shown == "", Usage: d.Usage()}
	if redacted != "" {
		sum := sha256.Sum256([]byte(redacted))
		out.Key = hex.EncodeToString(sum[:])
	}
	if len(shown) > maxTracedText {
		out.Text, out.Cut = clip(shown, maxTracedText), true
	}
	if len(out.Name) > maxName {
		out.Name, out.Cut = clip(out.Name, maxName), true
	}
	return out
}

// clip returns a copy of the beginning of a text, so that the rest is not kept alive.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(strings.Clone(text[:most]), "") + "…"
}

// A Stage is a part of the processing of an operation.
type Stage uint8

// The stages, in order.
const (
	Receive   Stage = iota // read the request
	Parse                  // hooks, persisted documents, parse, or find the document in the cache
	Validate               // validate and normalize a new document, coerce variables
	Authorize              // hooks, authorization, cost
	Plan                   // find or make the query plan
	Execute                // request subgraphs and build the response
	Respond                // write the response
	stages
)

// Stages has the names of the stages.
var Stages = [stages]string{"receive", "parse", "validate", "authorize", "plan", "execute", "respond"}

// An Operation is what the gateway reports about one operation. It belongs to the request
// until it is passed to End.
type Operation struct {
	ID       TraceID
	Start    time.Time
	Duration time.Duration
	// Carrier is how the operation arrived: http, batch, rest, mcp, websocket or sse.
	Carrier string
	Status  int
	// Document is nil if the operation was rejected before its document was known.
	Document *Document
	// New is set if the document was not cached.
	New bool
	// Fields are the coordinates that the operation selects, by Recorder.Field.
	Fields []uint32
	// Uses has the elements of the schema that the operation uses, or is nil if that is not
	// recorded. Given has those that only the values of its variables use.
	Uses  *schemausage.Elements
	Given []string
	// Client and ClientVersion are headers of the request.
	Client, ClientVersion, UserAgent string
	// AtLimit is set if the operation was rejected because of the load. The traces of some such
	// operations are kept, as of others that fail, but no sample: under overload, they would take
	// the place of all others that fail.
	AtLimit bool
	// Shared is set if the response is that of an identical operation in progress.
	Shared bool
	// Stream is set for a subscription, whose duration does not count, and Event for an
	// event of one, which is no operation of its own.
	Stream, Event bool
	// Errors is the number of errors, Codes their codes, Services the subgraphs that they
	// come from ("" for the router), and Messages a JSON list of them.
	Errors          int
	Codes, Services []string
	Messages        []byte
	Fetches         []execute.FetchStatistics
	// Cost is the estimated cost, and Actual the cost of the response; each is -1 if it is
	// not known.
	Cost, Actual float64
	// Variables are the variables as JSON, or nil.
	Variables []byte

	// Supergraph, Labels, Deferring, Conditions and Authorized are what the plan depends
	// on besides the document. Conditions are copies. Authorized is nil unless the operation
	// lacks fields that the caller may not access.
	Supergraph string
	Labels     string
	Deferring  bool
	Conditions operation.Variables
	Authorized *operation.Operation
	// Quick is set if the plan was made by a search that may have ended early.
	Quick bool
	// Latencies are those of the subgraphs that the plan was made by, or nil. They are shared
	// with other operations.
	Latencies map[string]time.Duration

	ends     [stages]time.Duration
	ended    time.Time // by the recorder's clock
	progress *progress
}

// Mark records the end of a stage, which began at the end of the stage before.
func (o *Operation) Mark(s Stage) {
	if o != nil {
		o.ends[s] = time.Since(o.Start)
	}
}

// Rejected records the end of the stage in which an operation was rejected: that after the
// last one that ended. A document from the cache is valid already.
func (o *Operation) Rejected() {
	next := Receive
	for s, end := range o.ends {
		if end > 0 {
			next = Stage(s) + 1
		}
	}
	if next == Validate && !o.New {
		next = Authorize
	}
	if next < Respond {
		o.Mark(next)
	}
}

// detached has the operations for NewDetached.
var detached = sync.Pool{New: func() any { return &Operation{Cost: -1, Actual: -1, progress: &progress{}} }}

// NewDetached returns an Operation to fill that no Recorder counts. Pass it to Free in the end.
func NewDetached(id TraceID, client, version, agent string) *Operation {
	o := detached.Get().(*Operation)
	o.ID, o.Client, o.ClientVersion, o.UserAgent = id, client, version, agent
	return o
}

// Free takes back an operation of NewDetached. The caller must not use it afterwards.
func (o *Operation) Free() {
	o.reset()
	detached.Put(o)
}

// ClientName returns the name and version of the client, by which statistics count it.
func (o *Operation) ClientName() (name, version string) {
	key := keyOf(o.Client, o.ClientVersion, o.UserAgent)
	return key.name, key.version
}

// Ended returns when a stage ended, since Start, or 0 if it was not reached.
func (o *Operation) Ended(s Stage) time.Duration { return o.ends[s] }

func (o *Operation) reset() {
	p := o.progress
	p.client, p.version, p.agent = "", "", ""
	p.document.Store(nil)
	*o = Operation{progress: p, Cost: -1, Actual: -1, Codes: clean(o.Codes), Services: clean(o.Services), Messages: o.Messages[:0], Variables: o.Variables[:0], Fetches: clean(o.Fetches)}
	if cap(o.Fetches) > maxKeptFetches {
		o.Fetches = nil
	}
	if cap(o.Codes) > maxKeptCodes {
		o.Codes, o.Services = nil, nil
	}
	if cap(o.Messages) > 1<<10 {
		o.Messages = nil
	}
	if cap(o.Variables) > 1<<10 {
		o.Variables = nil
	}
}

func clean[T any](list []T) []T {
	clear(list)
	return list[:0]
}
