package coprocessor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// version is the version of the protocol.
const version = 1

// A Stage is a point at which the coprocessor is called.
type Stage string

// The stages.
const (
	RouterRequest      Stage = "RouterRequest"
	SupergraphRequest  Stage = "SupergraphRequest"
	ExecutionRequest   Stage = "ExecutionRequest"
	ExecutionResponse  Stage = "ExecutionResponse"
	SubgraphRequest    Stage = "SubgraphRequest"
	SubgraphResponse   Stage = "SubgraphResponse"
	SupergraphResponse Stage = "SupergraphResponse"
	RouterResponse     Stage = "RouterResponse"
)

// A message is what the router sends.
type message struct {
	Version int    `json:"version"`
	Stage   Stage  `json:"stage"`
	Control string `json:"control"`
	// ID identifies the client's request.
	ID                string              `json:"id"`
	Headers           map[string][]string `json:"headers,omitzero"`
	Body              json.RawMessage     `json:"body,omitempty"`
	Context           *entries            `json:"context,omitempty"`
	Method            string              `json:"method,omitempty"`
	Path              string              `json:"path,omitempty"`
	SDL               string              `json:"sdl,omitempty"`
	StatusCode        int                 `json:"statusCode,omitempty"`
	HasNext           *bool               `json:"hasNext,omitempty"`
	QueryPlan         json.RawMessage     `json:"queryPlan,omitempty"`
	URI               string              `json:"uri,omitempty"`
	ServiceName       string              `json:"serviceName,omitempty"`
	SubgraphRequestID string              `json:"subgraphRequestId,omitempty"`
}

type entries struct {
	Entries map[string]json.RawMessage `json:"entries"`
}

// An answer is the response of the coprocessor. A nil field changes nothing.
type answer struct {
	Version    *int                `json:"version"`
	Stage      *Stage              `json:"stage"`
	ID         *string             `json:"id"`
	Control    control             `json:"control"`
	Headers    map[string][]string `json:"headers"`
	Body       json.RawMessage     `json:"body"`
	Context    *entries            `json:"context"`
	StatusCode *int                `json:"statusCode"`

	SubgraphRequestID *string `json:"subgraphRequestId"`
}

// A control is "continue", the zero value, or {"break": 401}.
type control struct{ status int }

// UnmarshalJSON implements json.Unmarshaler.
func (c *control) UnmarshalJSON(text []byte) error {
	if string(text) == `"continue"` || string(text) == "null" {
		return nil
	}
	var end struct{ Break int }
	if json.Unmarshal(text, &end) != nil || end.Break < 200 || end.Break > 599 {
		return fmt.Errorf(`control is %.100s; it must be "continue" or {"break": STATUS}`, text)
	}
	c.status = end.Break
	return nil
}

// check returns an error if the answer does not fit the message.
func (a *answer) check(m *message) error {
	switch {
	case a.Version != nil && *a.Version != version:
		return fmt.Errorf("the version is %d, not %d", *a.Version, version)
	case a.Stage != nil && *a.Stage != m.Stage:
		return fmt.Errorf("the stage is %.50q, not %q", *a.Stage, m.Stage)
	case a.ID != nil && *a.ID != m.ID, a.SubgraphRequestID != nil && *a.SubgraphRequestID != m.SubgraphRequestID:
		return fmt.Errorf("the ID is not the one that was sent")
	case a.StatusCode != nil && (*a.StatusCode < 200 || *a.StatusCode > 599):
		return fmt.Errorf("the statusCode is %d", *a.StatusCode)
	}
	return nil
}

// lower returns a header with names in lower case, as the protocol has them.
func lower(h http.Header) map[string][]string {
	out := make(map[string][]string, len(h))
	for name, values := range h {
		out[strings.ToLower(name)] = values
	}
	return out
}

// text returns a body as a JSON string, as the router stages have it.
func text(body []byte) json.RawMessage {
	out, err := json.Marshal(string(body))
	if err != nil { // unreachable: every string can be encoded
		return nil
	}
	return out
}

// object returns the JSON object of a body, which may be in a JSON string.
func object(body json.RawMessage) json.RawMessage {
	var inner string
	if json.Unmarshal(body, &inner) == nil && json.Valid([]byte(inner)) {
		return json.RawMessage(inner)
	}
	return body
}
