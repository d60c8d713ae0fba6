package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs"
	"souk/subgraphs/notification/inbox"
)

// StartService starts a service and waits until it is ready.
func (s *System) StartService(ctx context.Context, name string) error {
	variables := s.Variables(name)
	env, err := subgraphs.EnvironmentFrom(name, func(key string) (string, bool) {
		value, ok := variables[key]
		return value, ok
	})
	if err != nil {
		return fmt.Errorf("reading the configuration of %s: %w", name, err)
	}
	env.Addr, env.Guard, env.Middleware = s.addresses[name], s.guard, s.checkHost
	if env.Telemetry, err = s.telemetry(ctx, name); err != nil {
		return err
	}
	s.release(name)
	c := launch(ctx, name, s.failed, func(ctx context.Context) error {
		return errors.Join(subgraphs.Run(ctx, name, env), shutdown(env.Telemetry))
	})
	s.services[name] = c
	return c.awaitReady(ctx, s.URL(name)+"/readyz")
}

// startServices starts all services and fills their databases.
func (s *System) startServices(ctx context.Context, report progress) error {
	if s.opts.Services != nil {
		s.release(subgraphs.Names()...)
		return s.opts.Services(ctx, s)
	}
	for _, name := range subgraphs.Names() {
		if err := report.step(name, func() (string, error) { return s.URL(name), s.StartService(ctx, name) }); err != nil {
			return err
		}
	}
	return report.step("seed data", func() (string, error) { return s.seed(ctx) })
}

// StopService stops a service after the requests in progress. The other
// services keep running.
func (s *System) StopService(name string) error {
	c := s.services[name]
	delete(s.services, name)
	return c.stop()
}

// Variables returns the environment variables with which `souk NAME` can run a
// service in a separate process, in place of one that StopService stopped.
func (s *System) Variables(name string) map[string]string {
	variables := map[string]string{
		"PORT":            port(s.addresses[name]),
		"DATABASE_URL":    s.databases[name],
		"REDIS_URL":       s.redis.url,
		"AUTH_MODE":       s.opts.AuthMode,
		"SERVICE_TOKEN":   s.token,
		"EVENTS_TOKEN":    s.eventsToken,
		"SMTP_URL":        "smtp://" + s.addresses[smtpName],
		"SMS_WEBHOOK_URL": s.URL(inboxName) + "/sms",
		"MAIL_FROM":       "Souk <shop@souk.example>",
		"IMAGE_BASE_URL":  s.URL("product"),
		"PAYMENT_URL":     s.URL(paymentName),
		"PAYMENT_API_KEY": s.token,
	}
	for _, other := range subgraphs.Names() {
		variables[strings.ToUpper(other)+"_SERVICE_URL"] = s.URL(other)
	}
	return variables
}

// seed fills the services' databases with sample data, unless they have data.
func (s *System) seed(ctx context.Context) (string, error) {
	for _, name := range subgraphs.Names() {
		if err := s.withPool(ctx, name, func(db *pgxpool.Pool) error { return subgraphs.Seed(ctx, name, db) }); err != nil {
			return "", fmt.Errorf("filling the database of %s: %w", name, err)
		}
	}
	return "products, users, stock, orders", nil
}

// ReplayOrders rebuilds every order from its events, writes each difference
// from the orders table to w and returns the number of differences.
func (s *System) ReplayOrders(ctx context.Context, w io.Writer) (differences int, err error) {
	err = s.withPool(ctx, "order", func(db *pgxpool.Pool) error {
		differences, err = subgraphs.ReplayOrders(ctx, db, w, nil)
		return err
	})
	return differences, err
}

func (s *System) withPool(ctx context.Context, name string, do func(*pgxpool.Pool) error) error {
	db, err := pgxpool.New(ctx, s.databases[name])
	if err != nil {
		return fmt.Errorf("opening the database of %s: %w", name, err)
	}
	defer db.Close()
	return do(db)
}

// StartInbox starts the inbox, which receives all e-mail and SMS, and waits until it is ready.
func (s *System) StartInbox(ctx context.Context) error {
	s.release(inboxName, smtpName)
	s.inbox = launch(ctx, "the inbox", s.failed, func(ctx context.Context) error {
		return inbox.Run(ctx, s.addresses[smtpName], s.addresses[inboxName], s.checkHost)
	})
	return s.inbox.awaitReady(ctx, s.URL(inboxName)+"/api/messages")
}

// StopInbox stops the inbox. Messages wait until it is there again.
func (s *System) StopInbox() error {
	c := s.inbox
	s.inbox = nil
	return c.stop()
}
