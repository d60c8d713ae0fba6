package dev

import (
	"context"
	"log/slog"
	"strings"

	"souk/subgraphs/order/payment/simulator"
)

// StartPayment starts the simulated payment provider and waits until it is
// ready.
func (s *System) StartPayment(ctx context.Context) error {
	s.release(paymentName)
	s.payment = launch(ctx, "the payment provider", s.failed, func(ctx context.Context) error {
		return simulator.Run(ctx, simulator.Options{
			Addr: s.addresses[paymentName], DatabaseURL: s.databases[paymentName], APIKey: s.token,
			Middleware: s.checkHost, Logger: slog.New(slog.NewJSONHandler(s.opts.Log, nil)),
		})
	})
	return s.payment.awaitReady(ctx, s.URL(paymentName)+"/readyz")
}

// StopPayment stops the simulated payment provider after the calls in progress.
func (s *System) StopPayment() error {
	c := s.payment
	s.payment = nil
	return c.stop()
}

// PaymentVariables returns the environment variables with which `souk payment`
// can run in a separate process, in place of the provider that StopPayment
// stopped.
func (s *System) PaymentVariables() map[string]string {
	return map[string]string{
		"PORT": port(s.addresses[paymentName]), "DATABASE_URL": s.databases[paymentName], "PAYMENT_API_KEY": s.token,
	}
}

func port(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return port
}
