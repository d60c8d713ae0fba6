package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"souk/dev"
	"souk/internal/loopback"
)

// A fleet runs programs of the store as processes, in place of those that the
// store runs in its own process.
type fleet struct {
	store        *dev.System
	binary, logs string // the souk program, and the directory of the logs
	running      []func() error
}

// build builds the souk program of a source directory.
func build(ctx context.Context, source, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, ".")
	cmd.Dir = source
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building souk: %w: %s", err, text)
	}
	return nil
}

// stop kills all processes, the last one first.
func (f *fleet) stop() error {
	var err error
	for _, stop := range slices.Backward(f.running) {
		err = errors.Join(err, stop())
	}
	return err
}

// launch starts `souk NAME` on an address.
func (f *fleet) launch(ctx context.Context, name, label, address string, variables map[string]string) (*process, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", label, err)
	}
	variables = maps.Clone(variables)
	variables["PORT"] = port
	p := &process{
		name: label, binary: f.binary, args: []string{name}, variables: variables,
		log: filepath.Join(f.logs, label+".log"), url: "http://" + address,
	}
	f.running = append(f.running, p.kill)
	return p, p.start(ctx)
}

// payment runs the payment provider.
func (f *fleet) payment(ctx context.Context) (*process, error) {
	if err := f.store.StopPayment(); err != nil {
		return nil, err
	}
	return f.launch(ctx, payments, payments, f.store.Address(payments), f.store.PaymentVariables())
}

// replicaCount is the number of replicas of a service.
const replicaCount = 2

// A service is a service with several replicas behind its address.
type service struct {
	name     string
	replicas []*process
	balancer *balancer
}

// service runs the replicas of a service.
func (f *fleet) service(ctx context.Context, name string) (*service, error) {
	if err := f.store.StopService(name); err != nil {
		return nil, err
	}
	s := &service{name: name}
	var endpoints []string
	for n := range replicaCount {
		p, err := f.replica(ctx, name, name+"-"+strconv.Itoa(n+1))
		if err != nil {
			return nil, err
		}
		s.replicas, endpoints = append(s.replicas, p), append(endpoints, p.address())
	}
	var err error
	if s.balancer, err = balance(ctx, f.store.Address(name), endpoints); err != nil {
		return nil, err
	}
	f.running = append(f.running, s.balancer.close)
	return s, nil
}

func (f *fleet) replica(ctx context.Context, name, label string) (*process, error) {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("finding a port for %s: %w", label, err)
	}
	return f.launch(ctx, name, label, address, f.store.Variables(name))
}

// replace replaces a replica by one of another program. The new one is ready
// before the old one leaves.
func (f *fleet) replace(ctx context.Context, s *service, n int, binary string) error {
	old := s.replicas[n]
	next := &fleet{store: f.store, binary: binary, logs: f.logs}
	fresh, err := next.replica(ctx, s.name, old.name+"-new")
	f.running = append(f.running, next.running...)
	if err != nil {
		return err
	}
	s.replicas[n] = fresh
	s.balancer.replace(old.address(), fresh.address())
	wait(ctx, leaveTime)
	return old.end()
}

// kill kills all replicas.
func (s *service) kill() error {
	var err error
	for _, p := range s.replicas {
		err = errors.Join(err, p.kill())
	}
	return err
}

// start starts all replicas.
func (s *service) start(ctx context.Context) error {
	for _, p := range s.replicas {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return nil
}
