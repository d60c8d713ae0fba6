package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"souk/router/dependency"
	"souk/router/execute"
	"souk/router/operation"
	"souk/router/supergraph"
)

const (
	// confirmations is how often in a row the subgraphs must serve what a new supergraph
	// needs. Replicas of the previous version may still be among those that respond.
	confirmations = 10
	// maxCheckInterval bounds the interval between checks that fail, which doubles.
	maxCheckInterval = 15 * time.Second
	// maxListed bounds how much of what a subgraph lacks an error lists.
	maxListed = 5
)

// A candidate is a new supergraph that waits until its subgraphs serve what it needs of them
// beyond the current one. Requests in the meantime use the current one.
type candidate struct {
	gateway *Gateway
	next    *snapshot
	began   time.Time
	needs   map[string]supergraph.Needs // by subgraph
	// due is the time of the next check.
	due       time.Time
	interval  time.Duration
	confirmed int
	cause     string // of the last check that failed
	overdue   bool
	asked     chan error // the result of the check that runs, or nil
	cancel    context.CancelFunc
}

// begin loads the first supergraph and returns its SDL. With wait_for_subgraphs that is the
// one that the predecessor serves. If it lacks what the configuration or a REST route needs,
// the file may have it: the caller tries again when the file has come into use.
func (gw *Gateway) begin(file string) (string, error) {
	former := gw.options.InUse
	if gw.config.Supergraph.WaitForSubgraphs == 0 || former == "" {
		return file, gw.SetSupergraph(file)
	}
	gw.loading.Lock()
	defer gw.loading.Unlock()
	began := time.Now()
	next, err := gw.newSnapshot(former, digestOf(former, gw.pause()))
	if err != nil {
		return "", err
	}
	gw.use(next, began)
	return former, nil
}

// InUse returns the SDL of the current supergraph, if wait_for_subgraphs or a remote
// source is set, and its hash.
func (gw *Gateway) InUse() (sdl, hash string) {
	s := gw.acquire()
	if s == nil { // after Close
		return "", ""
	}
	defer s.release()
	return s.sdl, s.id
}

// propose loads a supergraph with a digest. If it has to wait for subgraphs, it returns a candidate
// instead. An invalid one is an error.
func (gw *Gateway) propose(sdl string, sum digest) (*candidate, error) {
	if gw.config.Supergraph.WaitForSubgraphs == 0 {
		return nil, gw.set(sdl, sum)
	}
	gw.loading.Lock()
	defer gw.loading.Unlock()
	began := time.Now()
	current := gw.current.Load()
	if current.sum == sum { // the file is restored while another one waited
		return nil, nil
	}
	next, err := gw.newSnapshot(sdl, sum)
	if err != nil {
		gw.refused(began, err)
		return nil, err
	}
	needs := added(current.model, next.model)
	if len(needs) == 0 {
		gw.use(next, began)
		return nil, nil
	}
	gw.metrics.Waiting.Set(1)
	return &candidate{gateway: gw, next: next, began: began, needs: needs, due: began, interval: gw.config.Supergraph.PollInterval}, nil
}

// added returns what the next supergraph needs of each subgraph beyond the old one. A
// subgraph at another URL has everything to show.
func added(old, next *supergraph.Model) map[string]supergraph.Needs {
	all := map[string]supergraph.Needs{}
	for _, g := range next.Subgraphs {
		if g.EventsOnly {
			continue // no server can say what it serves
		}
		needs := next.Needs(g)
		if former := old.Subgraph(g.Name); former != nil && former.URL == g.URL {
			needs = needs.Beyond(old.Needs(former))
		}
		if len(needs) > 0 {
			all[g.Name] = needs
		}
	}
	return all
}

// drop gives a candidate up, and ends the check that runs. A nil candidate is dropped already.
func (c *candidate) drop() {
	if c == nil {
		return
	}
	if c.asked != nil {
		c.cancel()
		<-c.asked //nolint:errcheck // no longer of interest
	}
	c.gateway.metrics.Waiting.Set(0)
	c.next.retire()
}

// check begins to ask the subgraphs, if a check is due and none runs. It does not wait for
// them: a subgraph may hang, and a newer file must replace the candidate meanwhile.
func (c *candidate) check(ctx context.Context) {
	if c == nil || c.asked != nil || time.Now().Before(c.due) {
		return
	}
	ctx, c.cancel = context.WithCancel(ctx)
	asked := make(chan error, 1)
	c.asked = asked
	go func() {
		defer close(asked)
		asked <- c.ask(ctx)
	}()
}

// result returns the channel of the check that runs, or nil.
func (c *candidate) result() <-chan error {
	if c == nil {
		return nil
	}
	return c.asked
}

// decide takes the result of a check. It reports whether the supergraph has come into use.
// Failures double the interval.
func (c *candidate) decide(err error, file *dependency.Dependency) bool {
	c.cancel()
	c.asked = nil
	settings := c.gateway.config.Supergraph
	switch {
	case err != nil:
		c.failed(err, file)
		c.confirmed, c.interval = 0, min(2*c.interval, max(maxCheckInterval, settings.PollInterval))
	case c.confirmed+1 == confirmations:
		c.gateway.loading.Lock()
		defer c.gateway.loading.Unlock()
		c.gateway.metrics.Waiting.Set(0)
		c.gateway.use(c.next, time.Now())
		return true
	default:
		c.confirmed++
		c.interval = settings.PollInterval
	}
	c.due = time.Now().Add(c.interval)
	return false
}

// failed reports that the subgraphs are not ready: in the log whenever the cause changes, and
// as a failed load once the time that is allowed has passed.
func (c *candidate) failed(err error, file *dependency.Dependency) {
	gw, limit := c.gateway, c.gateway.config.Supergraph.WaitForSubgraphs
	switch text := err.Error(); {
	case !c.overdue && time.Since(c.began) >= limit:
		c.overdue = true
		gw.logger.Error("subgraphs do not serve what the new supergraph needs; keeping the current one, and waiting: update the subgraphs, or restore the previous supergraph",
			"supergraph", c.next.id, "waited", time.Since(c.began), "error", err)
		gw.loading.Lock()
		defer gw.loading.Unlock()
		gw.refused(c.began, err)
	case text != c.cause:
		gw.logger.Warn("a new supergraph waits for its subgraphs; the current one stays in use", "supergraph", c.next.id, "error", err)
	}
	c.cause = err.Error()
	if c.overdue {
		file.Record(err)
	}
}

// ask reads the SDL of all subgraphs at once. The error says what they lack.
func (c *candidate) ask(ctx context.Context) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	failures := map[string]error{}
	for name, needs := range c.needs {
		all.Go(func() {
			if err := c.next.servedByAll(ctx, name, c.gateway.urls(name), needs); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures[name] = fmt.Errorf("subgraph %s: %w", name, err)
			}
		})
	}
	all.Wait()
	var err error
	for _, g := range c.next.model.Subgraphs { // in a fixed order
		err = errors.Join(err, failures[g.Name])
	}
	return err
}

// urls returns the number of URLs of a subgraph.
func (gw *Gateway) urls(subgraph string) int {
	return max(len(gw.config.OverrideSubgraphURLs[subgraph]), 1)
}

// An unreadError means that a subgraph did not respond to the request for its SDL.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

// servedByAll reports what a subgraph lacks at one of its URLs. A URL that does not respond is not
// waited for if another one does.
func (s *snapshot) servedByAll(ctx context.Context, subgraph string, urls int, needs supergraph.Needs) error {
	if urls == 1 {
		return s.serves(ctx, subgraph, 0, needs)
	}
	errs := make([]error, urls)
	var all sync.WaitGroup
	for i := range urls {
		all.Go(func() { errs[i] = s.serves(ctx, subgraph, i+1, needs) })
	}
	all.Wait()
	var lacks, last error
	read := false
	for i, err := range errs {
		if unread := (unreadError{}); errors.As(err, &unread) {
			last = err
			continue
		}
		read = true
		if err != nil && lacks == nil {
			lacks = fmt.Errorf("URL %d of %d: %w", i+1, urls, err)
		}
	}
	if !read {
		return last
	}
	return lacks
}

// serves reports what a subgraph lacks, at one of its URLs or, if that is 0, any.
func (s *snapshot) serves(ctx context.Context, subgraph string, url int, needs supergraph.Needs) error {
	sdl, err := s.served(ctx, subgraph, url)
	if err != nil {
		return err
	}
	missing, err := needs.Missing(sdl)
	if err != nil || len(missing) == 0 {
		return err
	}
	more := ""
	if n := len(missing) - maxListed; n > 0 {
		missing, more = missing[:maxListed], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("it does not serve %s%s", strings.Join(missing, ", "), more)
}

// served reads the SDL that a subgraph serves.
func (s *snapshot) served(ctx context.Context, subgraph string, url int) (string, error) {
	request := execute.NewBuffer(0)
	defer request.Release()
	request.B = append(request.B, `{"query":"{ _service { sdl } }"}`...)
	response, err := s.transport.Send(ctx, &execute.SubgraphRequest{Subgraph: subgraph, URL: url, Kind: operation.Query, Body: request, Header: http.Header{}})
	if err != nil {
		return "", unreadError{err}
	}
	defer response.Body.Release()
	var result struct {
		Data struct {
			Service struct {
				SDL string `json:"sdl"`
			} `json:"_service"`
		} `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(response.Body.B, &result); err != nil {
		return "", fmt.Errorf("the response to { _service { sdl } } has status %d and is no JSON: %w", response.Status, err)
	}
	if sdl := result.Data.Service.SDL; sdl != "" {
		return sdl, nil
	}
	cause := "no message"
	if len(result.Errors) > 0 {
		cause = cmp.Or(result.Errors[0].Message, cause)
	}
	return "", fmt.Errorf("the response to { _service { sdl } } has status %d and no SDL: %s; let the router read it, or set supergraph.wait_for_subgraphs to 0", response.Status, cause)
}
