// Package boundedfile reads files of a limited size.
package boundedfile

import (
	"fmt"
	"io"
	"os"
)

// Read returns the content of a file that has at most limit bytes. The limit is a number of KiB
// or MB.
func Read(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		if limit < 1<<20 {
			return nil, fmt.Errorf("%s is larger than %d KiB", path, limit>>10)
		}
		return nil, fmt.Errorf("%s is larger than %d MB", path, limit>>20)
	}
	return content, nil
}
