package outfile

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

var descriptorPath = regexp.MustCompile(`^/proc/(\d+)(?:/task/\d+)?/fd/(\d+)$|^/dev/fd/(\d+)$`)

// maxLinks bounds the links to follow, as Linux does.
const maxLinks = 40

// descriptor returns the open file that a path such as /dev/stdout stands for, or nil. A file that
// the shell writes to as well must not be replaced, nor written from its beginning.
func descriptor(path string) (*os.File, error) {
	path, err := filepath.Abs(path)
	for links := 0; err == nil && links < maxLinks; links++ {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path)) // /dev/fd may be a link to /proc/self/fd
		}
		if match := descriptorPath.FindStringSubmatch(path); match != nil {
			return ofProcess(path, match[1], match[2]+match[3])
		}
		var next string
		if next, err = os.Readlink(path); !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return nil, nil //nolint:nilerr // what is no link, or does not exist, is no descriptor
}

// ofProcess opens a descriptor of a process, which is this one if process is empty.
func ofProcess(path, process, number string) (*os.File, error) {
	if process != "" && process != strconv.Itoa(os.Getpid()) {
		return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	return duplicate(n)
}
