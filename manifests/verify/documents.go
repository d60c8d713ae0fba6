package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// A Change replaces text in one of the files, wherever it is in it.
type Change struct {
	File     string // its number: "10"
	Old, New string
}

// Documents are the objects of all files, in the order `kubectl apply -f` takes
// them.
type Documents []Document

// A Document is one object and the file it is from.
type Document struct {
	File string
	*unstructured.Unstructured
}

// Read reads the .yaml files of a directory and applies the changes.
func Read(dir string, changes ...Change) (Documents, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	done := make([]bool, len(changes))
	var all Documents
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		for i, c := range changes {
			if strings.HasPrefix(name, c.File) && bytes.Contains(text, []byte(c.Old)) {
				text, done[i] = bytes.ReplaceAll(text, []byte(c.Old), []byte(c.New)), true
			}
		}
		documents, err := decode(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	for i, c := range changes {
		if !done[i] {
			return nil, fmt.Errorf("no file %s* has %q to change", c.File, c.Old)
		}
	}
	return all, nil
}

func decode(name string, text []byte) (Documents, error) {
	var all Documents
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var object map[string]any
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(object) > 0 {
			all = append(all, Document{File: name, Unstructured: &unstructured.Unstructured{Object: object}})
		}
	}
}

// OfKind are the documents of some kinds.
func (d Documents) OfKind(kinds ...string) Documents {
	var found Documents
	for _, document := range d {
		for _, kind := range kinds {
			if document.GetKind() == kind {
				found = append(found, document)
			}
		}
	}
	return found
}

// typed returns the objects of a kind as the type of its API.
func typed[T any](d Documents, kind string) ([]T, error) {
	var all []T
	for _, document := range d.OfKind(kind) {
		var object T
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &object); err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, document.GetName(), err)
		}
		all = append(all, object)
	}
	return all, nil
}

// Has says whether there is an object.
func (d Documents) Has(kind, namespace, name string) bool {
	for _, document := range d.OfKind(kind) {
		if document.GetNamespace() == namespace && document.GetName() == name {
			return true
		}
	}
	return false
}

// integer returns a number of an object, which is a float64 once it is read, or 0.
func integer(object map[string]any, path ...string) int64 {
	value, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	switch n := value.(type) {
	case int64:
		return n
	case float64:
		if n == float64(int64(n)) {
			return int64(n)
		}
	}
	return 0
}

// ambient reports whether the store's namespace is in Istio's ambient mode.
func (d Documents) ambient() bool {
	for _, namespace := range d.OfKind("Namespace") {
		if namespace.GetLabels()["istio.io/dataplane-mode"] == "ambient" {
			return true
		}
	}
	return false
}
