// Command audit is Souk with a log of every operation: who asked for what, from
// where, which subgraphs were asked, and how it ended.
//
// AUDIT_LOG is the file; standard output if it is not set.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"souk/cli"
	"souk/router"
	"souk/router/hook"
)

func main() { os.Exit(cli.Main(cli.WithName("souk-audit"), cli.WithExtensions(extend))) }

func extend(x *router.Extensions) error {
	var to io.Writer = os.Stdout
	if name := os.Getenv("AUDIT_LOG"); name != "" {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("opening the audit log: %w", err)
		}
		to = file
		x.Closers = append(x.Closers, file.Close)
	}
	x.Hooks = append(x.Hooks, newAudit(to))
	return nil
}

// newAudit returns hooks that log to a writer. They should be the first in the
// list, so that they see responses last, as clients get them.
func newAudit(to io.Writer) hook.Hooks {
	a := &audit{slog.New(slog.NewJSONHandler(to, nil))}
	return hook.Hooks{Name: "audit", Response: a.response}
}

type audit struct{ log *slog.Logger }

// response logs a response. It is called for operations that were refused, too,
// even before they were parsed; then there is no Operation. Values of variables
// are left out: they may be secrets.
func (a *audit) response(ctx context.Context, r *hook.Response) error {
	attributes := []slog.Attr{
		slog.String("exchange", r.ID), slog.String("carrier", string(r.Carrier)), slog.String("address", r.HTTP.RemoteAddr),
		slog.Int("status", r.Status), slog.Int("errors", r.Errors), slog.Duration("took", r.Duration),
	}
	if r.Caller != nil {
		attributes = append(attributes, slog.String("caller", r.Caller.Subject))
	}
	if op := r.Operation; op != nil {
		attributes = append(attributes, slog.String("operation", op.Name), slog.String("kind", op.Kind.String()), slog.String("hash", op.Hash))
	}
	var subgraphs []string
	for i := range r.Fetches {
		if name := r.Fetches[i].Subgraph; !slices.Contains(subgraphs, name) {
			subgraphs = append(subgraphs, name)
		}
	}
	attributes = append(attributes, slog.Any("subgraphs", subgraphs))
	a.log.LogAttrs(ctx, slog.LevelInfo, "operation", attributes...)
	return nil
}
