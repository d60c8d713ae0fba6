package cli

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"souk/internal/blocking"
)

// exitStatuses is part of the help of all commands that have a result.
const exitStatuses = "The exit status is 0 if there is a result, 1 if it is negative, such as a check that fails or\n" +
	"subgraphs that do not compose, and 2 if there is none, such as for an unknown flag or a file\n" +
	"that cannot be read."

// exitTable is part of the help of the program.
const exitTable = `Exit status:
  0    success; also if a signal stops a command
  1    the result is negative, such as a check that fails; a router or service that
       cannot start, or fails
  2    there is no result: a wrong flag or argument, a file that cannot be read, a URL
       that does not respond
  130  a second interrupt ended the command (129: a second SIGHUP, 143: a second SIGTERM)`

// A failedCheck is a negative result, which has been written.
type failedCheck struct{ error }

func (e failedCheck) Unwrap() error { return e.error }

func failed(text string) error { return failedCheck{errors.New(text)} }

// An unmadeCheck is the reason why there is no result.
type unmadeCheck struct{ error }

func (e unmadeCheck) Unwrap() error { return e.error }

// A toldError is an error that standard error has in JSON: more text would make that invalid.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

// A runError is an error of a command that has begun to run: its flags and arguments are
// those that it takes.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// status returns the exit status for the error of a command.
func status(err error) int {
	if errors.As(err, new(unmadeCheck)) || !errors.As(err, new(runError)) {
		return 2
	}
	return 1
}

// unmade marks an error other than a negative result.
func unmade(err error) error {
	if err == nil || errors.As(err, new(failedCheck)) {
		return err
	}
	return unmadeCheck{err}
}

// checking makes cmd a command that has a result: its exit status tells a negative result from
// none.
func checking(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	cmd.Long += "\n\n" + exitStatuses
	cmd.RunE = func(cmd *cobra.Command, given []string) error { return unmade(run(cmd, given)) }
	return cmd
}

// interruptible makes cmd, which only reads and prints, end at once when it is interrupted, also
// while it waits for a file or for standard input.
func interruptible(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		_, err := blocking.Call(cmd.Context(), func() (struct{}, error) { return struct{}{}, run(cmd, given) })
		return err
	}
	return cmd
}

// complete makes groups of commands refuse what is none of their commands, and all commands say
// what is wrong with their arguments, and marks the errors of those that have begun to run.
func complete(cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		if child.HasSubCommands() && !child.Runnable() {
			child.Args = cobra.NoArgs
			child.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
		complete(child)
	}
	checkArguments(cmd)
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, given []string) error {
			if err := run(cmd, given); err != nil {
				return runError{err}
			}
			return nil
		}
	}
}

// jsonFlag adds the flag --json.
func jsonFlag(cmd *cobra.Command, asJSON *bool, what string) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print "+what+" as JSON")
}

// writeJSON writes a value for programs to read.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
