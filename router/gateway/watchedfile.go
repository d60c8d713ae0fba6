package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"
)

const (
	// fileSettles is how long a file must have had its time of modification before it is trusted to
	// change with the next write, if its file system has whole seconds. No usual one has coarser times.
	fileSettles = 2 * time.Second
	// fineSettles is that for a file system with fractions of a second. No usual one has coarser ones.
	fineSettles = 100 * time.Millisecond
	// fileReread is how often a file is read even if it seems not to have changed.
	fileReread = 30 * time.Second
	// fileBlock is how much of a file is in memory while it is compared.
	fileBlock = 64 << 10
)

// A watchedFile reads a file that may have changed. A large supergraph is not read each second: it
// is only looked at, unless it has been replaced or written to lately. And it is in memory only if its
// contents have changed.
type watchedFile struct {
	info  os.FileInfo // when it was last looked at
	since time.Time   // when it was first looked at with this info
	last  time.Time   // when it was last read after it had settled; zero before
	sum   digest      // of what was last read
	size  int64       // of that
}

// read returns the contents of the file, or nil if it has not changed. It calls pause often.
func (f *watchedFile) read(path string, now time.Time, pause func()) ([]byte, error) {
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
	text, err := f.changed(path, info.Size(), pause)
	if err != nil {
		f.info = nil
		return nil, err
	}
	if now.Sub(f.since) >= settles(info) {
		f.last = now
	}
	return text, nil
}

// settles returns how long a file must have had its time of modification.
func settles(info os.FileInfo) time.Duration {
	if info.ModTime().Nanosecond() == 0 {
		return fileSettles
	}
	return fineSettles
}

// changed returns the contents of the file if they differ from those that it last returned.
func (f *watchedFile) changed(path string, size int64, pause func()) ([]byte, error) {
	if f.sum != (digest{}) && size == f.size {
		if sum, err := readBlocks(path, pause, func([]byte) {}); err != nil || sum == f.sum {
			return nil, err
		}
	}
	text := make([]byte, 0, size)
	sum, err := readBlocks(path, pause, func(block []byte) { text = append(text, block...) })
	if err != nil {
		return nil, err
	}
	f.sum, f.size = sum, int64(len(text))
	return text, nil
}

// readBlocks reads a file block by block, and calls pause after each. It returns the SHA-256.
func readBlocks(path string, pause func(), each func([]byte)) (sum digest, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, err //nolint:wrapcheck // it names the file
	}
	defer func() { _ = file.Close() }() // it was only read
	h, block := sha256.New(), make([]byte, fileBlock)
	for {
		n, err := file.Read(block)
		_, _ = h.Write(block[:n]) // a hash never fails
		each(block[:n])
		switch {
		case errors.Is(err, io.EOF):
			return digest(h.Sum(nil)), nil
		case err != nil:
			return sum, err //nolint:wrapcheck // it names the file
		}
		pause()
	}
}

// A digest is a SHA-256.
type digest [sha256.Size]byte

// digestOf returns the digest of a text. It calls pause after each block.
func digestOf(text string, pause func()) digest {
	h, rest := sha256.New(), unsafe.Slice(unsafe.StringData(text), len(text)) // without a copy
	for len(rest) > 0 {
		n := min(len(rest), fileBlock)
		_, _ = h.Write(rest[:n]) // a hash never fails
		rest = rest[n:]
		pause()
	}
	return digest(h.Sum(nil))
}
