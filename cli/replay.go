package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"souk/subgraphs"
)

func newReplay() *cobra.Command {
	write, asJSON := false, false
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Rebuild all orders from their events and report differences from the orders table",
		Long: `Rebuild all orders from their events and report differences from the orders table.
The result is negative if there are differences; with --write, if some could not be corrected.`,
		Args: cobra.NoArgs,
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
			out, left := cmd.OutOrStdout(), 0
			var lines bytes.Buffer
			if asJSON {
				out = &lines
			}
			var differences int
			if write {
				differences, left, err = subgraphs.RebuildOrders(cmd.Context(), db, out, progress)
			} else {
				differences, err = subgraphs.ReplayOrders(cmd.Context(), db, out, progress)
			}
			if err == nil && asJSON {
				list := strings.Split(strings.TrimSpace(lines.String()), "\n")
				err = writeJSON(cmd.OutOrStdout(), map[string]any{"differences": differences, "report": list, "corrected": write && left == 0})
			}
			switch {
			case err != nil:
				return err
			case left > 0:
				return failed(fmt.Sprintf("orders left as they are, because their events are invalid: %d; the report names them (cannot be rebuilt)", left))
			case differences > 0 && !write:
				return failed(fmt.Sprintf("found %d differences between the events and the orders table; to correct them, use --write", differences))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "correct the orders table")
	jsonFlag(cmd, &asJSON, "the differences")
	return checking(cmd)
}
