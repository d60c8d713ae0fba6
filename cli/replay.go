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
		Short: "Fold every order's events anew and report where the read side differs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url := os.Getenv("DATABASE_URL")
			if url == "" {
				return fmt.Errorf("DATABASE_URL is not set; give the order service's database, such as postgres://souk:secret@localhost:5432/order")
			}
			db, err := pgxpool.New(cmd.Context(), url)
			if err != nil {
				return fmt.Errorf("opening the order service's database: %w", err)
			}
			defer db.Close()
			if write {
				_, err := subgraphs.RebuildOrders(cmd.Context(), db, cmd.OutOrStdout())
				return err
			}
			differences, err := subgraphs.ReplayOrders(cmd.Context(), db, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if differences > 0 {
				return fmt.Errorf("%d differences between events and projection", differences)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "make the read side what the events say")
	return cmd
}
