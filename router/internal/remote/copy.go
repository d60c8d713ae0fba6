package remote

import (
	"errors"
	"fmt"
	"io/fs"

	"souk/internal/boundedfile"
	"souk/internal/outfile"
)

// A Copy is a file with the last text that could be used, for a restart while the source is away.
// An empty Copy keeps nothing.
type Copy string

// Read returns the text, or nil if there is none.
func (c Copy) Read(limit int64) ([]byte, error) {
	if c == "" {
		return nil, nil
	}
	text, err := boundedfile.Read(string(c), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the copy in cache_file: %w", err)
	}
	return text, nil
}

// Write replaces the text. A reader sees the old or the new one, also after a crash.
func (c Copy) Write(text []byte) error {
	if c == "" {
		return nil
	}
	if err := outfile.Write(string(c), text); err != nil {
		return fmt.Errorf("writing a copy to cache_file: %w", err)
	}
	return nil
}
