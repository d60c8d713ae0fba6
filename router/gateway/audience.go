package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"souk/router/execute"
	"souk/router/operation"
)

// audience determines on which request headers the response to an operation depends
// and whether it is private. Caches between the router and its clients rely on it
// (RFC 9111).
func (s *snapshot) audience(op *operation.Operation, p *execute.Program) *execute.Audience {
	subgraphs := p.Subgraphs()
	slices.Sort(subgraphs)
	protects := s.gateway.options.Protects
	key := audienceKey{strings.Join(subgraphs, "\x00"), protects != nil && protects(s.model, op)}
	return s.audiences.of(key, func() *execute.Audience { return s.newAudience(subgraphs, key.protected) })
}

// An audienceKey is what an audience depends on.
type audienceKey struct {
	subgraphs string
	protected bool // whether the operation is
}

// maxAudiences bounds the audiences that programs share. Others have their own.
const maxAudiences = 1024

// audiences are those of the programs of a snapshot.
type audiences struct {
	mu    sync.Mutex
	byKey map[audienceKey]*execute.Audience
}

func (a *audiences) of(key audienceKey, create func() *execute.Audience) *execute.Audience {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.byKey[key]; known != nil {
		return known
	}
	made := create()
	if a.byKey == nil {
		a.byKey = map[audienceKey]*execute.Audience{}
	}
	if len(a.byKey) < maxAudiences {
		a.byKey[key] = made
	}
	return made
}

func (s *snapshot) newAudience(subgraphs []string, protected bool) *execute.Audience {
	c := &s.gateway.config
	a := &execute.Audience{}
	sent := c.ClientHeaders(subgraphs...)
	a.Headers = sent.Names
	jwt := c.Authentication.JWT
	a.Private = len(sent.Patterns) > 0 || len(c.Headers.ContextOf(subgraphs...)) > 0 || jwt.Required || protected
	vary := slices.Clone(a.Headers)
	if a.Private && jwt.Header != "" {
		vary = append(vary, jwt.Headers()...)
	}
	if c.OverrideLabels.Header != "" && len(s.model.Labels) > 0 {
		vary = append(vary, http.CanonicalHeaderKey(c.OverrideLabels.Header))
	}
	if c.ExposeQueryPlan.Enabled {
		vary = append(vary, http.CanonicalHeaderKey(c.ExposeQueryPlan.Header))
	}
	if len(sent.Patterns) > 0 {
		vary = []string{"*"} // any header may match
	} else {
		vary = append(vary, "Accept", "Accept-Encoding")
	}
	slices.Sort(vary)
	a.Vary = []string{strings.Join(slices.Compact(vary), ", ")}
	return a
}

// Values of Cache-Control.
var (
	noStore = []string{"no-store"}
	// privateAnswer is for private responses without Cache-Control from a subgraph.
	// Without a directive, a cache may apply a heuristic lifetime (RFC 9111, section
	// 4.2.2).
	privateAnswer = []string{"private, no-cache"}
)

// age returns the value of Age for a response that is made from expired entries of the response
// cache, or nil for others (RFC 9111, section 5.1).
func age(control execute.CacheControl) []string {
	if control.Age <= 0 {
		return nil
	}
	return []string{strconv.Itoa(int(control.Age.Seconds()))}
}

// cacheControl returns the value of Cache-Control for a response, or nil for none.
//
// It never contains public. That directive allows shared caches to store responses to
// requests with Authorization (RFC 9111, section 3.5), and the router cannot know
// whether a subgraph's response depended on the caller.
func cacheControl(p *execute.Program, kind operation.Kind, response *execute.Response, client http.Header) []string {
	control := response.Control
	private := control.Private || p.Audience.Private || slices.ContainsFunc(p.Audience.Headers, func(name string) bool { return len(client[name]) > 0 })
	switch {
	case kind != operation.Query, response.Errors > 0, control.Set && control.MaxAge <= 0:
		return noStore
	case control.Set && private:
		return []string{fmt.Sprintf("private, max-age=%d", int(control.MaxAge.Seconds()))}
	case control.Set:
		return []string{fmt.Sprintf("max-age=%d", int(control.MaxAge.Seconds()))}
	case private:
		return privateAnswer
	}
	return nil
}
