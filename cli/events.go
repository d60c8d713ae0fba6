package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"souk/subgraphs"
)

func newEvents() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "List and revive events that a service could not handle",
	}
	cmd.AddCommand(newEventsDead(), newEventsRevive())
	return cmd
}

// deadLetterFlags select dead letters.
type deadLetterFlags struct {
	redis, group, eventType string
}

func (f *deadLetterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.redis, "redis", os.Getenv("REDIS_URL"), "the URL of the Redis that carries the events; souk dev prints its address (default $REDIS_URL)")
	flags.Lookup("redis").DefValue = "" // it may hold a password
	flags.StringVar(&f.group, "group", "", "only those of this consumer group, such as notification")
	flags.StringVar(&f.eventType, "type", "", "only those of this type, such as order.created")
}

var errNoRedis = errors.New("no Redis is given; set --redis or REDIS_URL, such as redis://localhost:6379")

func (f *deadLetterFlags) list(cmd *cobra.Command, limit int) ([]subgraphs.DeadLetter, error) {
	if f.redis == "" {
		return nil, errNoRedis
	}
	return subgraphs.ListDeadLetters(cmd.Context(), f.redis, f.group, f.eventType, limit)
}

// maxDeadLetters is the most dead letters that the stream of them holds.
const maxDeadLetters = 100_000

func newEventsDead() *cobra.Command {
	var (
		selected deadLetterFlags
		limit    int
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List the dead letters: events that a service could not handle",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > maxDeadLetters {
				return fmt.Errorf("--limit is %d; it must be from 1 to %d", limit, maxDeadLetters)
			}
			letters, err := selected.list(cmd, limit)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), letters)
			}
			return printDeadLetters(cmd.OutOrStdout(), letters)
		},
	}
	selected.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "the most dead letters to list, oldest first")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the data of the events")
	return checking(cmd)
}

func printDeadLetters(w io.Writer, letters []subgraphs.DeadLetter) error {
	if len(letters) == 0 {
		_, err := fmt.Fprintln(w, "There are no dead letters.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTIME\tGROUP\tTYPE\tSUBJECT\tATTEMPTS\tERROR")
	for _, d := range letters {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n",
			d.ID, d.Time.Format(time.RFC3339), d.Group, d.Type, d.Subject, d.Attempts, firstLine(d.Error))
	}
	return table.Flush()
}

// firstLine returns the first line of an error: the rest of a panic's is a
// stack.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func newEventsRevive() *cobra.Command {
	var (
		selected deadLetterFlags
		all      bool
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "revive ID... | revive --all",
		Short: "Deliver dead letters again, to the consumer group that could not handle them",
		Long: "Deliver dead letters again, to the consumer group that could not handle them. Fix the cause\n" +
			"first: an event that fails again becomes a new dead letter. An event that the group has\n" +
			"handled meanwhile has no effect.",
		RunE: func(cmd *cobra.Command, ids []string) error {
			if all == (len(ids) > 0) {
				return errors.New("give the IDs of dead letters, or --all")
			}
			if all {
				letters, err := selected.list(cmd, maxDeadLetters)
				if err != nil {
					return err
				}
				for _, d := range letters {
					ids = append(ids, d.ID)
				}
			}
			return revive(cmd, selected.redis, ids, asJSON)
		},
	}
	selected.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "revive all dead letters that --group and --type select")
	jsonFlag(cmd, &asJSON, "what was revived")
	return checking(cmd)
}

func revive(cmd *cobra.Command, redis string, ids []string, asJSON bool) error {
	if redis == "" {
		return errNoRedis
	}
	result := struct {
		Revived []string          `json:"revived"`
		Failed  map[string]string `json:"failed"`
	}{[]string{}, map[string]string{}}
	err := subgraphs.ReviveDeadLetters(cmd.Context(), redis, ids, func(id string, err error) {
		if err == nil {
			result.Revived = append(result.Revived, id)
			return
		}
		result.Failed[id] = err.Error()
		fmt.Fprintln(cmd.ErrOrStderr(), err)
	})
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), result)
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "revived %d of %d dead letters\n", len(result.Revived), len(ids))
	}
	if err != nil {
		return err
	}
	if n := len(result.Failed); n > 0 {
		return failed(fmt.Sprintf("%d dead letters could not be revived", n))
	}
	return nil
}
