package documents

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"souk/internal/boundedfile"
)

const (
	// maxFiles bounds the files of a directory.
	maxFiles = 10000
	// maxTotal bounds their total size, and that of a file, in bytes.
	maxTotal = 64 << 20
)

// A File is a file with documents.
type File struct {
	Path string
	Text []byte
}

// ReadFiles reads a file, or the files below a directory that have one of some extensions, in the
// order of their paths. Names that begin with a dot are left out, as are the directories of
// package managers.
func ReadFiles(path string, extensions ...string) ([]File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		text, err := boundedfile.Read(path, maxTotal)
		return []File{{path, text}}, err
	}
	var files []File
	total := int64(0)
	err = filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case at != path && (strings.HasPrefix(entry.Name(), ".") || entry.IsDir() && entry.Name() == "node_modules"):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || !hasExtension(entry.Name(), extensions):
			return nil
		case len(files) == maxFiles:
			return fmt.Errorf("%s has more than %d files with documents", path, maxFiles)
		}
		text, err := boundedfile.Read(at, maxTotal)
		if total += int64(len(text)); err == nil && total > maxTotal {
			err = fmt.Errorf("the files in %s have more than %d MB", path, maxTotal>>20)
		}
		files = append(files, File{at, text})
		return err
	})
	return files, err
}

func hasExtension(name string, extensions []string) bool {
	for _, e := range extensions {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

// ManifestExtensions are those of the files of a directory that have documents: manifests, and
// single documents.
var ManifestExtensions = []string{".json", ".graphql", ".gql"}

// Parse returns the documents of files. Each file with GraphQL is one document, whose ID is the
// SHA-256 of the file; others are manifests.
func Parse(files []File) ([]Document, error) {
	var list []Document
	for _, f := range files {
		if !hasExtension(f.Path, []string{".graphql", ".gql"}) {
			more, err := ParseManifest(f.Path, f.Text)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
			continue
		}
		one := []Document{{ID: ID(string(f.Text)), Body: string(f.Text), File: f.Path}}
		if err := checkEach(one); err != nil {
			return nil, err
		}
		list = append(list, one...)
	}
	return list, nil
}
