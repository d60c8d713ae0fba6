package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"souk/cli/top"
)

// consoleToken is the variable with the token of the router's console.
const consoleToken = "SOUK_CONSOLE_TOKEN"

// topFlags has the flags of the command.
type topFlags struct {
	url, token, tokenFile string
	once, json            bool
	options               top.Options
}

func newTop() *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show a running router's traffic in the terminal",
		Long: "Show the requests, latencies, errors, subgraphs, clients and traces of a running router in\n" +
			"the terminal. The router must be configured with admin.console.enabled: true; souk dev is.\n" +
			"With --once or --json, print one snapshot instead.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runTop(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "http://localhost:9090", "the URL of the router's admin port; souk dev has http://localhost:8087")
	flags.StringVar(&f.token, "token", "", "the router's admin.console.token; the environment variable "+consoleToken+" keeps it out of the list of processes")
	flags.StringVar(&f.tokenFile, "token-file", "", "a file with the token, such as a mounted secret")
	exclusive(cmd, "token", "token-file")
	flags.BoolVar(&f.once, "once", false, "print one snapshot as text")
	flags.BoolVar(&f.json, "json", false, "print one snapshot as JSON")
	flags.DurationVar(&f.options.Interval, "interval", 2*time.Second, "the time between two snapshots")
	flags.DurationVar(&f.options.Window, "window", 5*time.Minute, "the time whose figures are shown, from 1m to 1h")
	return checking(cmd)
}

// snapshotWidth is the width of text that does not go to a terminal, in cells.
const snapshotWidth = 120

func runTop(cmd *cobra.Command, f topFlags) error {
	if u, err := url.Parse(f.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url is %q; set it to the URL of an admin port, such as http://localhost:9090", f.url)
	}
	if f.options.Window < time.Minute || f.options.Window > time.Hour {
		return fmt.Errorf("--window is %s; set it to a time from 1m to 1h", f.options.Window)
	}
	if f.options.Interval < time.Second {
		return fmt.Errorf("--interval is %s; set it to 1s or more", f.options.Interval)
	}
	token, err := f.consoleToken()
	if err != nil {
		return err
	}
	client := &top.Client{URL: f.url, Token: token, HTTP: &http.Client{Timeout: 10 * time.Second}}
	out := cmd.OutOrStdout()
	screen := terminal(out)
	if !f.once && !f.json {
		if screen == nil {
			return fmt.Errorf("the standard output is not a terminal; use --once or --json")
		}
		if os.Getenv("TERM") == "dumb" {
			return fmt.Errorf("the terminal cannot move its cursor (TERM=dumb); use --once or --json")
		}
		return top.Run(cmd.Context(), client, f.options, cmd.InOrStdin(), screen)
	}
	snapshot, err := client.Snapshot(cmd.Context(), f.options.Window)
	if err != nil {
		return err
	}
	if f.json {
		return snapshot.WriteJSON(out)
	}
	width := snapshotWidth
	if screen != nil {
		if w, _, err := term.GetSize(screen.Fd()); err == nil {
			width = w
		}
	}
	return snapshot.WriteText(out, f.url, width)
}

// maxTokenFile bounds the size of a file with a token.
const maxTokenFile = 64 << 10

// consoleToken returns the token from the flag, the file or the environment.
func (f topFlags) consoleToken() (string, error) {
	if f.tokenFile == "" {
		return cmp.Or(f.token, os.Getenv(consoleToken)), nil
	}
	file, err := os.Open(f.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	token := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return "", fmt.Errorf("--token-file: %w", err)
	case token == "" || len(text) > maxTokenFile || strings.ContainsAny(token, "\r\n"):
		return "", fmt.Errorf("--token-file: %s must have one line, the router's admin.console.token", f.tokenFile)
	}
	return token, nil
}
