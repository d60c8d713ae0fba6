// Package k6 finds the load generator k6, or builds it.
package k6

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// module is the Go module of k6, for machines without k6.
const module = "go.k6.io/k6@v1.8.1"

// FindOrBuild returns the path of k6. If there is none, it builds k6, which takes minutes, and
// says so on out.
func FindOrBuild(ctx context.Context, out io.Writer) (string, error) {
	path, err := Find()
	if path != "" || err != nil {
		return path, err
	}
	if path, err = cached(); err != nil {
		return "", err
	}
	fmt.Fprintln(out, "Building", module, "once; this takes a few minutes.")
	cmd := exec.CommandContext(ctx, "go", "install", module)
	cmd.Env = append(os.Environ(), "GOBIN="+filepath.Dir(path), "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building k6: %w: %s; install k6 or set K6 to its path", err, text)
	}
	return path, nil
}

// Find returns the path of k6, or "" if there is none: the variable K6, the program in PATH,
// or the one that FindOrBuild has built.
func Find() (string, error) {
	if path := os.Getenv("K6"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("k6"); err == nil {
		return path, nil
	}
	path, err := cached()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return path, nil
}

func cached() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory for k6: %w", err)
	}
	return filepath.Join(dir, "souk", module, "k6"), nil
}
