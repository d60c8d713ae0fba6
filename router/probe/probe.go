package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxBytes bounds a response, in bytes.
	maxBytes = 32 << 20
	// maxDuration bounds all checks together.
	maxDuration = 10 * time.Minute
)

// Options say what to check.
type Options struct {
	// URL is the endpoint of the subgraph.
	URL string
	// Headers are sent with every request.
	Headers map[string]string
	// Timeout bounds each request with its response.
	Timeout time.Duration
	// Batch is the number of representations in a large request.
	Batch int
	// Representations are of entities that exist. Those of a type are used instead of
	// what the root fields of the subgraph return.
	Representations []Representation
}

// A Result is the result of a check.
type Result struct {
	Check   Check  `json:"check"`
	Subject string `json:"subject,omitempty"` // such as Product @key(fields: "id")
	Status  Status `json:"status"`
	Detail  string `json:"detail,omitempty"` // why
	Advice  string `json:"advice,omitempty"` // what to do
}

// A Report has the results of all checks.
type Report struct {
	URL     string         `json:"url"`
	Results []Result       `json:"results"`
	Counts  map[Status]int `json:"counts"`
}

// Failed reports whether a check failed or, if strict, warned.
func (r *Report) Failed(strict bool) bool {
	return r.Counts[Fail] > 0 || strict && r.Counts[Warn] > 0
}

// A prober checks one subgraph.
type prober struct {
	Options
	client *http.Client
	schema *schema // nil until the SDL is read
	report *Report
}

// Run checks the subgraph. The error says why nothing could be checked: the URL does not
// respond, or a representation is of a type that is no entity.
func Run(ctx context.Context, o Options) (*Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, maxDuration, fmt.Errorf("the checks took longer than %v", maxDuration))
	defer cancel()
	p := &prober{Options: o, client: &http.Client{CheckRedirect: sameResponse}, report: &Report{URL: o.URL, Counts: map[Status]int{Pass: 0, Warn: 0, Fail: 0, Skip: 0}}}
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	for _, check := range []func(context.Context){p.syntaxError, p.validationError, p.notJSON, p.service} {
		check(ctx)
	}
	if err := p.checkRepresentations(); err != nil {
		return nil, err
	}
	for _, check := range []func(context.Context){p.validSDL, p.introspection, p.entities} {
		check(ctx)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("checking %s: %w", o.URL, context.Cause(ctx))
	}
	for _, r := range p.report.Results {
		p.report.Counts[r.Status]++
	}
	return p.report, nil
}

// sameResponse keeps a redirection, which would turn the POST request into GET.
func sameResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// add records a result.
func (p *prober) add(check Check, subject string, status Status, detail, advice string) {
	p.report.Results = append(p.report.Results, Result{check, subject, status, detail, advice})
}

// pass, fail, warn and skip record results of checks.
func (p *prober) pass(check Check, subject, detail string) { p.add(check, subject, Pass, detail, "") }

func (p *prober) fail(check Check, subject, detail, advice string) {
	p.add(check, subject, Fail, detail, advice)
}

func (p *prober) warn(check Check, subject, detail, advice string) {
	p.add(check, subject, Warn, detail, advice)
}

func (p *prober) skip(check Check, subject, detail, advice string) {
	p.add(check, subject, Skip, detail, advice)
}

// reach sends the first query. If it gets no response at all, nothing can be checked.
func (p *prober) reach(ctx context.Context) error {
	r, err := p.send(ctx, `{ __typename }`, nil)
	if errors.Is(err, errNoResponse) || errors.As(err, new(redirectedError)) {
		return err
	}
	switch {
	case err != nil:
		p.fail(checkReachable, "", err.Error(), "Check that the URL is the GraphQL endpoint of the subgraph, and that it accepts POST requests with JSON.")
	case len(r.errors) > 0:
		p.fail(checkReachable, "", "`{ __typename }` got an error: "+r.firstError(), "If the subgraph asks for a token, give it with --header \"Authorization: Bearer TOKEN\".")
	default:
		p.pass(checkReachable, "", "")
	}
	if r != nil {
		p.contentType(r)
	}
	return nil
}
