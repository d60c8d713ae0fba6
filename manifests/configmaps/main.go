// Command configmaps writes ConfigMaps that hold files of this repository to the
// end of the manifests that mount them, so that each file has one source. Run it with `go generate
// ./manifests/configmaps`. With -check, it reports the ConfigMaps that are out
// of date.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"souk/internal/onlyflags"
)

//go:generate go run . -root ../..

func main() {
	root := flag.String("root", ".", "the repository's top directory")
	check := flag.Bool("check", false, "write nothing; fail if a file is not current")
	if onlyflags.Parse(flag.CommandLine, os.Args[1:]) != nil {
		os.Exit(2)
	}
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "configmaps:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.bring(root, check))
	}
	return err
}

// bring writes the file if it is out of date, or with check reports that it
// is.
func (f file) bring(root string, check bool) error {
	path := filepath.Join(root, f.path)
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, _, _ := bytes.Cut(got, []byte(generated))
	want, err := f.render(root, before)
	if err != nil {
		return fmt.Errorf("making %s: %w", f.path, err)
	}
	if bytes.Equal(got, want) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is not current; run `go generate ./manifests/configmaps`", f.path)
	}
	return os.WriteFile(path, want, 0o644)
}
