package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"souk/internal/processtime"
)

// A session measures all programs under one workload and setting.
type session struct {
	grid      *grid
	workload  workload
	setting   setting
	subgraphs *process
}

// A contender is a program that is measured.
type contender struct {
	*process
	load    *load
	samples []sample
}

// A sample is what a program did in one slice.
type sample struct {
	requests         int
	subgraphRequests int
	wall, cpu        time.Duration
	p50, p99         time.Duration
	resident         int64 // bytes
}

// run returns the samples of each program: first the floor, then the router, then the peers.
func (s *session) run(ctx context.Context) ([]*contender, error) {
	if _, err := s.subgraphs.ask(ctx, "PUT", "/delay/"+s.workload.delay.String(), nil); err != nil {
		return nil, err
	}
	router, err := s.grid.startRouter(ctx, s.setting)
	if err != nil {
		return nil, err
	}
	defer router.stop()
	r, err := s.record(ctx, router)
	if err != nil {
		return nil, err
	}
	floor, err := s.grid.startFloor(ctx, s.setting, r, s.subgraphs.address)
	if err != nil {
		return nil, err
	}
	defer floor.stop()
	processes := []*process{floor, router}
	for _, p := range s.grid.peers {
		started, err := s.grid.startPeer(ctx, s.setting, p)
		if err != nil {
			return nil, err
		}
		defer started.stop()
		processes = append(processes, started)
	}
	var list []*contender
	for _, p := range processes {
		c, err := s.enter(ctx, p, r)
		if err != nil {
			return nil, err
		}
		defer c.load.close()
		list = append(list, c)
	}
	return list, s.alternate(ctx, list)
}

// record sends the first request to the router, and returns what it asked of the subgraphs.
func (s *session) record(ctx context.Context, router *process) (recording, error) {
	var r recording
	body, err := s.workload.body(0)
	if err != nil {
		return r, err
	}
	if _, err := s.subgraphs.ask(ctx, "PUT", "/recording", nil); err != nil {
		return r, err
	}
	response, err := router.ask(ctx, "POST", "/graphql", body)
	if err != nil {
		return r, err
	}
	calls, err := s.subgraphs.ask(ctx, "GET", "/recording", nil)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(calls, &r.Calls); err != nil {
		return r, fmt.Errorf("reading the recorded requests: %w", err)
	}
	r.Response = string(response)
	return r, nil
}

// enter waits for a program, checks that it responds as the router does, and warms it up.
func (s *session) enter(ctx context.Context, p *process, r recording) (*contender, error) {
	body, err := s.workload.body(0)
	if err != nil {
		return nil, err
	}
	response, err := p.ask(ctx, "POST", "/graphql", body)
	if err != nil {
		return nil, err
	}
	if err := equal(response, []byte(r.Response)); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	l, err := newLoad(&s.workload, p.address)
	if err != nil {
		return nil, err
	}
	_, err = l.run(ctx, s.grid.slice, s.grid.requests)
	return &contender{process: p, load: l}, err
}

// equal reports a difference between two responses.
func equal(got, want []byte) error {
	var values [2]any
	for i, text := range [][]byte{got, want} {
		if err := json.Unmarshal(text, &values[i]); err != nil {
			return fmt.Errorf("the response is no JSON: %w", err)
		}
	}
	if !reflect.DeepEqual(values[0], values[1]) {
		return fmt.Errorf("the response differs from that of souk:\n%.500s\ninstead of\n%.500s", got, want)
	}
	return nil
}

// alternate measures all programs in each round, one after the other.
func (s *session) alternate(ctx context.Context, list []*contender) error {
	for range s.grid.rounds {
		for _, c := range list {
			measured, err := s.measure(ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.samples = append(c.samples, measured)
		}
	}
	return nil
}

func (s *session) measure(ctx context.Context, c *contender) (sample, error) {
	var out sample
	subgraphsBefore, err := s.subgraphRequests(ctx)
	if err != nil {
		return out, err
	}
	before, _, err := processtime.Of(c.cmd.Process.Pid)
	if err != nil {
		return out, err
	}
	began := time.Now()
	took, err := c.load.run(ctx, s.grid.slice, s.grid.requests)
	if err != nil {
		return out, err
	}
	out.wall = time.Since(began)
	after, resident, err := processtime.Of(c.cmd.Process.Pid)
	if err != nil {
		return out, err
	}
	subgraphsAfter, err := s.subgraphRequests(ctx)
	if err != nil {
		return out, err
	}
	if len(took) == 0 {
		return out, fmt.Errorf("no request ended within %v", s.grid.slice)
	}
	out.requests, out.subgraphRequests = len(took), subgraphsAfter-subgraphsBefore
	out.cpu, out.resident = after-before, resident
	out.p50, out.p99 = percentile(took, 50), percentile(took, 99)
	return out, nil
}

func (s *session) subgraphRequests(ctx context.Context) (int, error) {
	text, err := s.subgraphs.ask(ctx, "GET", "/requests", nil)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, fmt.Errorf("reading the number of subgraph requests: %w", err)
	}
	return n, nil
}
