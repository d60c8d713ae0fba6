package top

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"
)

// Run shows a router until the user quits or ctx ends. It fails at once if the router cannot
// be read.
func Run(ctx context.Context, c *Client, o Options, in io.Reader, out io.Writer) error {
	first, err := c.Snapshot(ctx, o.Window)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends requests in progress
	program := tea.NewProgram(NewModel(ctx, c, first, o), tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	if _, err = program.Run(); err != nil && !errors.Is(err, tea.ErrInterrupted) && ctx.Err() == nil {
		return fmt.Errorf("showing the router in the terminal: %w", err)
	}
	return nil
}
