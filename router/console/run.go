package console

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/subgraph"
)

// A runRequest is the body of POST /run.
type runRequest struct {
	Query         string          `json:"query"`
	Variables     json.RawMessage `json:"variables"`
	OperationName string          `json:"operation_name"`
	// Headers are those of the GraphQL request, such as Authorization.
	Headers map[string]string `json:"headers"`
}

// A runResponse has the response of the GraphQL endpoint.
type runResponse struct {
	Status      int     `json:"status"`
	ContentType string  `json:"content_type"`
	Duration    float64 `json:"duration"`
	// Trace is the ID of the trace, or nil if the request was rejected before it had one.
	Trace *string `json:"trace"`
	Body  string  `json:"body"`
	// Bytes is the size of the whole body. If Cut is set, Body has the first maxRunBytes of it.
	Bytes int  `json:"bytes"`
	Cut   bool `json:"cut"`
	// Cache is what the response cache did for each entity and root fetch. CacheOmitted is how many
	// are left out.
	Cache        []cacheEntry `json:"cache"`
	CacheOmitted int          `json:"cache_omitted"`
}

const (
	// maxRunBytes bounds how much of a response is kept.
	maxRunBytes = 1 << 20
	// maxRunHeaders bounds the number of headers of a request.
	maxRunHeaders = 50
	// runClient is the client name of requests that do not set another.
	runClient = "souk-console"
)

// run executes an operation as the public port would: the request passes through the same
// handler, with its middleware, authentication and limits. It has the network address of the
// console's caller and none of the caller's headers, so that the console's token stays here.
func (h *handler) run(r *http.Request) (any, error) {
	var in runRequest
	if err := h.read(r, &in, "query and optionally variables, operation_name and headers"); err != nil {
		return nil, err
	}
	variables, err := object(in.Variables)
	if err != nil {
		return nil, err
	}
	header, err := h.runHeader(in.Headers)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(struct {
		Query         string          `json:"query"`
		Variables     json.RawMessage `json:"variables,omitempty"`
		OperationName string          `json:"operationName,omitempty"`
	}{in.Query, variables, in.OperationName})
	if err != nil {
		return nil, fmt.Errorf("encoding the operation: %w", err)
	}
	var inspection execute.CacheInspection
	request, err := http.NewRequestWithContext(execute.WithCacheInspection(r.Context(), &inspection), http.MethodPost, h.Path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("creating the request: %w", err)
	}
	request.Header, request.Host, request.RemoteAddr, request.RequestURI = header, r.Host, r.RemoteAddr, h.Path
	w := &runWriter{header: http.Header{}}
	began := time.Now()
	h.Public.ServeHTTP(w, request)
	out := runResponse{
		Status: max(w.status, http.StatusOK), ContentType: w.header.Get("Content-Type"), Duration: time.Since(began).Seconds(),
		Body: strings.ToValidUTF8(w.body.String(), "\uFFFD"), Bytes: w.bytes, Cut: w.bytes > w.body.Len(),
	}
	out.Cache, out.CacheOmitted = cacheEntries(&inspection)
	if id := w.header.Get("Souk-Trace-Id"); id != "" {
		out.Trace = &id
	}
	return out, nil
}

// A cacheEntry is what the response cache did for an entity or a root fetch. Times are in seconds.
type cacheEntry struct {
	Fetch    int      `json:"fetch"`
	Subgraph string   `json:"subgraph"`
	Type     string   `json:"type"`
	Fields   []string `json:"fields"`
	Key      string   `json:"key"`
	Result   string   `json:"result"`
	Age      float64  `json:"age"`
	TTL      float64  `json:"ttl"`
	Tags     []string `json:"tags"`
	Stored   bool     `json:"stored"`
	Reason   string   `json:"reason"`
}

func cacheEntries(i *execute.CacheInspection) (list []cacheEntry, omitted int) {
	entries, omitted := i.Entries()
	list = make([]cacheEntry, len(entries))
	for n, e := range entries {
		list[n] = cacheEntry{
			Fetch: e.FetchID, Subgraph: e.Subgraph, Type: e.Type, Fields: append([]string{}, e.Fields...), Key: strings.ToValidUTF8(e.Key, "\uFFFD"),
			Result: e.Result, Age: e.Age.Seconds(), TTL: e.TTL.Seconds(), Tags: append([]string{}, e.Tags...), Stored: e.Stored, Reason: e.Reason,
		}
	}
	return list, omitted
}

// runHeader returns the headers of a request. A caller cannot set those that describe the
// connection or the body, and those with which a trusted proxy reports the client's address.
func (h *handler) runHeader(given map[string]string) (http.Header, error) {
	if len(given) > maxRunHeaders {
		return nil, &problem{status: http.StatusBadRequest, detail: fmt.Sprintf("There are %d headers; at most %d are allowed.", len(given), maxRunHeaders)}
	}
	header := http.Header{}
	for name, value := range given {
		if err := subgraph.CheckSet(name, value); err != nil {
			return nil, &problem{status: http.StatusBadRequest, detail: "The header " + shorten(name) + " cannot be set: " + err.Error() + "."}
		}
		canonical := http.CanonicalHeaderKey(name)
		if strings.HasPrefix(canonical, "X-Forwarded-") || slices.Contains(ownHeaders, canonical) {
			return nil, &problem{status: http.StatusBadRequest, detail: "The header " + shorten(name) + " cannot be set: the console sends its own, or a proxy does."}
		}
		header.Set(canonical, value)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/graphql-response+json, application/json;q=0.9")
	if header.Get("Graphql-Client-Name") == "" && header.Get("Apollographql-Client-Name") == "" {
		header.Set("GraphQL-Client-Name", runClient)
		header.Set("GraphQL-Client-Version", h.Version)
	}
	if header.Get("Traceparent") == "" {
		header.Set("Traceparent", keptTrace())
	}
	return header, nil
}

// ownHeaders cannot be set, besides those of [subgraph.CheckSet] and X-Forwarded-*.
var ownHeaders = []string{"Accept", "Accept-Encoding", "Content-Type", "Forwarded", "Host", "Origin", "X-Real-Ip"}

// keptTrace returns a traceparent (W3C Trace Context) with a random trace ID that every
// sample above zero includes: the recorder compares bytes 8 to 11 of the ID with the ratio.
// So whoever runs an operation sees its trace.
func keptTrace() string {
	var id record.TraceID
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint32(id[12:], rand.Uint32()|1) // an ID is never zero
	var span [8]byte
	binary.BigEndian.PutUint64(span[:], rand.Uint64()|1)
	return "00-" + id.String() + "-" + hex.EncodeToString(span[:]) + "-01"
}

// A runWriter keeps the beginning of a response.
type runWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
	bytes  int
}

// Header implements http.ResponseWriter.
func (w *runWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational responses do not count.
func (w *runWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *runWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.bytes += len(b)
	w.body.Write(b[:min(len(b), maxRunBytes-w.body.Len())])
	return len(b), nil
}
