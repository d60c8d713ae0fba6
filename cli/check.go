package cli

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"
)

// exitStatuses is part of the help of the commands that check something.
const exitStatuses = "The exit status is 0 if the check succeeds, 1 if it fails, and 2 if it cannot be made, such\n" +
	"as for an unknown flag or a file that cannot be read."

// A failedCheck is the result of a check, which has been written.
type failedCheck string

func (e failedCheck) Error() string { return string(e) }

// An unmadeCheck is the reason why there is no result.
type unmadeCheck struct{ error }

func (e unmadeCheck) Unwrap() error { return e.error }

// status returns the exit status for the error of a command.
func status(err error) int {
	if errors.As(err, new(unmadeCheck)) {
		return 2
	}
	return 1
}

// unmade marks an error other than a failed check.
func unmade(err error) error {
	if err == nil || errors.As(err, new(failedCheck)) {
		return err
	}
	return unmadeCheck{err}
}

// checking makes cmd a command that checks something: its exit status tells a check that
// fails from one that cannot be made.
func checking(cmd *cobra.Command) *cobra.Command {
	args, run := cmd.Args, cmd.RunE
	cmd.Long += "\n\n" + exitStatuses
	cmd.Args = func(cmd *cobra.Command, given []string) error { return unmade(args(cmd, given)) }
	cmd.RunE = func(cmd *cobra.Command, given []string) error { return unmade(run(cmd, given)) }
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return unmade(flagError(cmd, err)) })
	return cmd
}

// writeJSON writes a value for programs to read.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
