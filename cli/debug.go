package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newDebug() *cobra.Command {
	cmd := &cobra.Command{Use: "debug", Short: "Inspect a running router"}
	cmd.AddCommand(newBundle())
	return cmd
}

const (
	bundleTimeout  = time.Minute
	maxBundleBytes = 256 << 20
)

func newBundle() *cobra.Command {
	var admin, output string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Save diagnostic information about a router as a zip file",
		Long: "Save a zip file with the router's configuration without secrets, versions, the state of\n" +
			"dependencies, metrics, the API schema, the operations in use with their query plans, and\n" +
			"profiles. It contains no values from clients. The router must be configured with\n" +
			"admin.debug_bundle: true.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd, output); err != nil {
				return err
			}
			if err := fetchBundle(cmd.Context(), admin, output); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"file": output})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", output)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&admin, "admin", "http://127.0.0.1:9090", "the URL of the router's admin port; souk dev has http://localhost:8087")
	flags.StringVarP(&output, "output", "o", "souk-debug.zip", "the file to write")
	jsonFlag(cmd, &asJSON, "the name of the file")
	return checking(cmd)
}

// fetchBundle writes the file only once the whole bundle has arrived.
func fetchBundle(ctx context.Context, admin, output string) error {
	ctx, cancel := context.WithTimeout(ctx, bundleTimeout)
	defer cancel()
	from := strings.TrimSuffix(admin, "/") + "/debug/bundle"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("connecting to the router's admin port: %w; set its URL with --admin", err)
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s does not exist; set admin.debug_bundle: true in the router configuration", from)
	case response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/zip":
		return fmt.Errorf("%s returned status %d and %q instead of a bundle; is it the admin port?", from, response.StatusCode, response.Header.Get("Content-Type"))
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBundleBytes+1))
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	if len(data) > maxBundleBytes {
		return fmt.Errorf("the bundle is larger than %d bytes", maxBundleBytes)
	}
	if err := os.WriteFile(output, data, 0o600); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}
