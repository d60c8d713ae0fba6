// Package subgraphs names the store's five services and runs each by its name:
// it is what the souk command and the development environment see of them.
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

// Environment is what a service is given from outside.
type Environment = server.Environment

// service is what there is of each service.
type service struct {
	name string
	run  func(context.Context, server.Environment) error
	seed func(context.Context, *pgxpool.Pool) error // nil: it begins empty
}

// services are in the order they are started in: each after those it calls.
var services = [...]service{
	{"user", user.Run, user.Seed},
	{"inventory", inventory.Run, inventory.Seed},
	{"product", product.Run, product.Seed},
	{"order", order.Run, order.Seed},
	{"notification", notification.Run, nil},
}

// Names are the services, each after those it calls.
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
	return service{}, fmt.Errorf("there is no service %q; the services are %s", name, strings.Join(Names(), ", "))
}

// Run runs a service until ctx ends, then drains it.
func Run(ctx context.Context, name string, env Environment) error {
	s, err := find(name)
	if err != nil {
		return err
	}
	return s.run(ctx, env)
}

// Seed fills a service's migrated database with the example store, unless it
// holds anything already.
func Seed(ctx context.Context, name string, db *pgxpool.Pool) error {
	s, err := find(name)
	if err != nil || s.seed == nil {
		return err
	}
	return s.seed(ctx, db)
}

// EnvironmentFromOS reads a service's environment from the process's variables.
func EnvironmentFromOS(name string) (Environment, error) {
	return EnvironmentFrom(name, os.LookupEnv)
}

// EnvironmentFrom reads a service's environment from variables. An error says
// which one to set to what.
func EnvironmentFrom(name string, lookup func(key string) (string, bool)) (Environment, error) {
	if _, err := find(name); err != nil {
		return Environment{}, err
	}
	return server.FromOS(name, lookup)
}

// ReplayOrders folds every order's events anew, reports to w where the
// projection differs, and gives the number of differences.
func ReplayOrders(ctx context.Context, orders *pgxpool.Pool, w io.Writer) (differences int, err error) {
	return order.Replay(ctx, orders, w)
}

// RebuildOrders is ReplayOrders, and then makes the projection what the events
// say.
func RebuildOrders(ctx context.Context, orders *pgxpool.Pool, w io.Writer) (differences int, err error) {
	return order.Rebuild(ctx, orders, w)
}
