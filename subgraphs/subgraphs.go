// Package subgraphs lists the store's five services and runs each by its name.
// It is what the souk command (package cli) and the development environment
// (package dev) use; the services themselves are in the packages below.
package subgraphs

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/server"
	"souk/subgraphs/inventory"
	"souk/subgraphs/notification"
	"souk/subgraphs/order"
	"souk/subgraphs/product"
	"souk/subgraphs/user"
)

//go:generate go run ./internal/generate

// Environment is the configuration of a service.
type Environment = server.Environment

// service describes a service.
type service struct {
	name string
	run  func(context.Context, server.Environment) error
	seed func(context.Context, *pgxpool.Pool) error // nil if the service starts without data
}

// services lists the services in the order they start: each after those it
// calls.
var services = [...]service{
	{"user", user.Run, user.Seed},
	{"inventory", inventory.Run, inventory.Seed},
	{"product", product.Run, product.Seed},
	{"order", order.Run, order.Seed},
	{"notification", notification.Run, nil},
}

// Names returns the names of the services, each after those it calls.
func Names() []string {
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.name
	}
	return names
}

func find(name string) (service, error) {
	for _, s := range services {
		if s.name == name {
			return s, nil
		}
	}
	return service{}, fmt.Errorf("unknown service %q; the services are %s", name, strings.Join(Names(), ", "))
}

// Run runs a service until ctx ends, then drains it.
func Run(ctx context.Context, name string, env Environment) error {
	s, err := find(name)
	if err != nil {
		return err
	}
	return s.run(ctx, env)
}

// Seed fills a service's migrated database with the sample data, unless it has
// data.
func Seed(ctx context.Context, name string, db *pgxpool.Pool) error {
	s, err := find(name)
	if err != nil || s.seed == nil {
		return err
	}
	return s.seed(ctx, db)
}

// EnvironmentFromOS reads a service's configuration from the environment
// variables of the process.
func EnvironmentFromOS(name string) (Environment, error) {
	return EnvironmentFrom(name, os.LookupEnv)
}

// EnvironmentFrom reads a service's configuration from variables. Its errors
// name the variable and say how to set it.
func EnvironmentFrom(name string, lookup func(key string) (string, bool)) (Environment, error) {
	if _, err := find(name); err != nil {
		return Environment{}, err
	}
	return server.EnvironmentFrom(name, lookup)
}

// ReplayOrders rebuilds every order from its events, writes each difference
// from the orders table to w and returns the number of differences. It calls
// progress, unless it is nil, from time to time.
func ReplayOrders(ctx context.Context, orders *pgxpool.Pool, w io.Writer, progress func(orders, events int)) (differences int, err error) {
	return order.Replay(ctx, orders, w, progress)
}

// RebuildOrders does what ReplayOrders does, and corrects the orders table. It
// also returns how many orders it had to leave, because their events are
// invalid.
func RebuildOrders(ctx context.Context, orders *pgxpool.Pool, w io.Writer, progress func(orders, events int)) (differences, left int, err error) {
	return order.Rebuild(ctx, orders, w, progress)
}
