// Package packagetest installs pinned packages of other languages for tests.
//
// Packages are kept in the user's cache directory, by the hash of the files
// that pin them, so only the first run with these files installs them. Where
// packages cannot be installed the test is skipped, and says why.
package packagetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// installTimeout bounds a package manager's run.
const installTimeout = 5 * time.Minute

// NPM installs the packages of package-lock.json in the current directory and
// returns the directory that has them in node_modules.
func NPM(t *testing.T) string {
	t.Helper()
	return Install(t, []string{"package.json", "package-lock.json"}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", dir)
	}, "node", "npm")
}

// Python installs the packages of requirements.txt in the current directory and
// returns the directory that has them in the virtual environment venv.
func Python(t *testing.T) string {
	t.Helper()
	return Install(t, []string{"requirements.txt"}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", `python3 -m venv "$1/venv" && "$1/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$1/requirements.txt"`, "sh", dir)
	}, "python3")
}

// Install returns the directory that command filled from copies of files. It
// skips the test if one of programs is not installed.
func Install(t *testing.T, files []string, command func(ctx context.Context, dir string) *exec.Cmd, programs ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: installs packages from a registry (-short)")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("skipped: %s is not installed", program)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("skipped: there is no cache directory to install packages in: %v", err)
	}
	hash := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(content)
	}
	dir := filepath.Join(cache, "souk", "clients-"+hex.EncodeToString(hash.Sum(nil))[:16])
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := prepare(dir, files); err != nil {
		t.Skipf("skipped: packages cannot be kept: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTimeout)
	defer cancel()
	if out, err := command(ctx, dir).CombinedOutput(); err != nil {
		t.Skipf("skipped: the packages cannot be installed: %v\n%s", err, out)
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// prepare creates dir, without what an interrupted run may have left there, and
// copies files into it.
func prepare(dir string, files []string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing an incomplete installation: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the directory of packages: %w", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading a list of packages: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			return fmt.Errorf("copying a list of packages: %w", err)
		}
	}
	return nil
}
