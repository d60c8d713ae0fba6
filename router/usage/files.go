package usage

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// files writes the usage to a file, which it replaces until the file covers long enough.
type files struct {
	path    string
	since   time.Time
	counted table
}

// write adds what was counted to the file.
func (f *files) write(c Config, counted table, since, now time.Time) error {
	if f.counted == nil || since.Sub(f.since) >= c.Rotate || filepath.Dir(f.path) != filepath.Clean(c.Directory) {
		*f = files{path: filepath.Join(c.Directory, fmt.Sprintf("%s%s-%d.json", prefix(), since.UTC().Format("20060102T150405Z"), os.Getpid())), since: since, counted: table{}}
	}
	f.counted.merge(counted)
	if len(f.counted) == 0 {
		return nil
	}
	documents, err := f.counted.encode(f.since, now, len(f.counted))
	if err != nil {
		return fmt.Errorf("encoding the usage: %w", err)
	}
	if err := os.MkdirAll(c.Directory, 0o755); err != nil {
		return fmt.Errorf("creating telemetry.usage_export.directory: %w", err)
	}
	// Readers see the old or the new file, never a part of it.
	temporary := f.path + ".new"
	if err := os.WriteFile(temporary, documents[0], 0o644); err != nil { //nolint:gosec // others read it
		return fmt.Errorf("writing the file: %w", err)
	}
	if err := os.Rename(temporary, f.path); err != nil {
		return fmt.Errorf("replacing the file: %w", err)
	}
	return prune(c)
}

// notInName are the characters of a host's name that do not stand in the name of a file.
var notInName = regexp.MustCompile(`[^A-Za-z0-9.]+`)

// prefix is that of the names of files of this host.
func prefix() string {
	host, _ := os.Hostname() // without it, the process is in the name, too
	return "usage-" + cmp.Or(notInName.ReplaceAllString(host, "_"), "router") + "-"
}

// prune removes the oldest files of this host.
func prune(c Config) error {
	entries, err := os.ReadDir(c.Directory)
	if err != nil {
		return fmt.Errorf("listing the files: %w", err)
	}
	var names []string // sorted, and so by time
	for _, e := range entries {
		if name := e.Name(); len(name) > len(prefix()) && name[:len(prefix())] == prefix() && filepath.Ext(name) == ".json" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(len(names)-c.MaxFiles, 0)] {
		if err := os.Remove(filepath.Join(c.Directory, name)); err != nil {
			return fmt.Errorf("removing an old file: %w", err)
		}
	}
	return nil
}
