package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"souk/subgraphs/order/payment/simulator"
	"souk/telemetry"
)

// shutdownTimeout bounds the flushing of telemetry.
const shutdownTimeout = 5 * time.Second

func newPayment() *cobra.Command {
	return &cobra.Command{
		Use:   "payment",
		Short: "Run the simulated payment provider, for development and tests",
		Long: `Run the simulated payment provider, for development and tests. It moves no money.

Variables: PORT (default 8080), DATABASE_URL (a Postgres database for the payments),
PAYMENT_API_KEY (the key that callers send; empty: none is needed), LOG_LEVEL and LOG_FORMAT.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			port := os.Getenv("PORT")
			if port == "" {
				port = "8080"
			}
			if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
				return fmt.Errorf("PORT is %q; it must be a port number from 0 to 65535, such as 8080", port)
			}
			tel, err := telemetry.Setup(cmd.Context(), telemetry.Options{
				ServiceName: "souk-payment", LogLevel: os.Getenv("LOG_LEVEL"), LogFormat: os.Getenv("LOG_FORMAT"),
			})
			if err != nil {
				return fmt.Errorf("setting up telemetry: %w", err)
			}
			defer func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), shutdownTimeout)
				defer cancel()
				if stopErr := tel.Shutdown(ctx); err == nil {
					err = stopErr
				}
			}()
			return simulator.Run(cmd.Context(), simulator.Options{
				Addr: ":" + port, DatabaseURL: os.Getenv("DATABASE_URL"), APIKey: os.Getenv("PAYMENT_API_KEY"), Logger: tel.Logger,
			})
		},
	}
}
