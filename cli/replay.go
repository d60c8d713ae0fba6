package cli

import (
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"souk/subgraphs"
)

func newReplay() *cobra.Command {
	write := false
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Rebuild all orders from their events and report differences from the orders table",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url := os.Getenv("DATABASE_URL")
			if url == "" {
				return fmt.Errorf("DATABASE_URL is not set; set it to the order service's database, such as postgres://souk:secret@localhost:5432/order")
			}
			db, err := pgxpool.New(cmd.Context(), url)
			if err != nil {
				return fmt.Errorf("opening the order service's database: %w", err)
			}
			defer db.Close()
			progress := func(orders, events int) {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d orders with %d events compared\n", orders, events)
			}
			if write {
				_, err := subgraphs.RebuildOrders(cmd.Context(), db, cmd.OutOrStdout(), progress)
				return err
			}
			differences, err := subgraphs.ReplayOrders(cmd.Context(), db, cmd.OutOrStdout(), progress)
			if err != nil {
				return err
			}
			if differences > 0 {
				return fmt.Errorf("found %d differences between the events and the orders table; to correct them, use --write", differences)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "correct the orders table")
	return cmd
}
