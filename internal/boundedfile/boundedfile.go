// Package boundedfile reads files of a limited size. [Read] also reads pipes, such as the
// standard input of a command; [ReadRegular] is for files that a server reads again while it runs,
// where a pipe without a writer would stop a reload.
package boundedfile

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Read returns the content of a file that has at most limit bytes. The limit is a number of KiB
// or MB.
func Read(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return read(file, limit)
}

// ReadRegular is [Read] for regular files. It refuses others, such as pipes, without waiting.
func ReadRegular(path string, limit int64) ([]byte, error) {
	// Without O_NONBLOCK, opening a pipe waits for its writer.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return read(file, limit)
}

func read(file *os.File, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		if limit < 1<<20 {
			return nil, fmt.Errorf("%s is larger than %d KiB", file.Name(), limit>>10)
		}
		return nil, fmt.Errorf("%s is larger than %d MB", file.Name(), limit>>20)
	}
	return content, nil
}
