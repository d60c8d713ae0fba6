package gateway

import (
	"fmt"
	"os"
	"time"
)

const (
	// fileSettles is how long a file must have had its time of modification before it is trusted to
	// change with the next write. No usual file system has coarser times.
	fileSettles = 2 * time.Second
	// fileReread is how often a file is read even if it seems not to have changed.
	fileReread = 30 * time.Second
)

// A watchedFile reads a file that may have changed. A large supergraph is not read each second: it
// is only looked at, unless it has been replaced or written to lately.
type watchedFile struct {
	info  os.FileInfo // when it was last looked at
	since time.Time   // when it was first looked at with this info
	last  time.Time   // when it was last read after it had settled; zero before
}

// read returns the contents of the file, or nil if it has not changed.
func (f *watchedFile) read(path string, now time.Time) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		f.info = nil
		return nil, fmt.Errorf("looking at a file: %w", err)
	}
	if f.info == nil || !os.SameFile(info, f.info) || !info.ModTime().Equal(f.info.ModTime()) || info.Size() != f.info.Size() {
		f.info, f.since, f.last = info, now, time.Time{}
	}
	if !f.last.IsZero() && now.Sub(f.last) < fileReread {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.info = nil
		return nil, err //nolint:wrapcheck // it names the file
	}
	if now.Sub(f.since) >= fileSettles {
		f.last = now
	}
	return text, nil
}
