package documents

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"souk/router/internal/jsonscan"
)

// apolloManifest is Apollo's persisted query manifest.
type apolloManifest struct {
	Format     string            `json:"format"`
	Version    int               `json:"version"`
	Operations []apolloOperation `json:"operations"`
}

type apolloOperation struct {
	ID         string `json:"id"`
	Body       string `json:"body"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	ClientName string `json:"clientName,omitempty"`
}

const apolloFormat = "apollo-persisted-query-manifest"

// ParseManifest reads a list: Apollo's persisted query manifest, or a JSON object of texts by
// their IDs, as Relay's compiler writes it.
func ParseManifest(file string, text []byte) ([]Document, error) {
	text = jsonscan.TrimMark(text)
	var apollo apolloManifest
	if err := json.Unmarshal(text, &apollo); err == nil && apollo.Operations != nil {
		return apollo.documents(file)
	}
	if err := checkNames(file, text); err != nil {
		return nil, err
	}
	plain := map[string]string{}
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, fmt.Errorf("%s: %w; it must be a manifest with operations, as Apollo's, or a JSON object that maps IDs to documents, as Relay's", file, err)
	}
	list := make([]Document, 0, len(plain))
	for _, id := range slices.Sorted(maps.Keys(plain)) {
		list = append(list, Document{ID: bareID(id), Body: plain[id], File: file})
	}
	return list, checkEach(list)
}

func (m apolloManifest) documents(file string) ([]Document, error) {
	switch {
	case m.Format != "" && m.Format != apolloFormat:
		return nil, fmt.Errorf("%s: its format is %q; it must be %q", file, m.Format, apolloFormat)
	case m.Version > 1:
		return nil, fmt.Errorf("%s: its version is %d; this router reads version 1", file, m.Version)
	}
	list := make([]Document, len(m.Operations))
	for i, o := range m.Operations {
		list[i] = Document{ID: bareID(o.ID), Body: o.Body, Name: o.Name, Type: o.Type, Client: o.ClientName, File: file}
	}
	return list, checkEach(list)
}

// checkNames fails if two members of a JSON object have the same ID. It says nothing of other
// problems.
func checkNames(file string, text []byte) error {
	r, seen, twice := jsonscan.NewReader(text, jsonscan.MaxDepth), map[string]bool{}, ""
	err := r.Object(func(name []byte) error {
		id := bareID(string(name))
		if seen[id] {
			twice = id
		}
		seen[id] = true
		_, err := r.Value()
		return err
	})
	if err == nil && twice != "" {
		return fmt.Errorf("%s: the ID %q has two documents; give each document an ID of its own", file, twice)
	}
	return nil
}

// checkEach fails if a document has no ID or no text.
func checkEach(list []Document) error {
	for i, d := range list {
		switch {
		case d.ID == "":
			return fmt.Errorf("%s: document %d has no ID", d.File, i+1)
		case strings.TrimSpace(d.Body) == "":
			return fmt.Errorf("%s: the document with the ID %q is empty", d.File, d.ID)
		}
	}
	return nil
}

// bareID returns an ID as clients send it, which may have a prefix.
func bareID(id string) string { return strings.TrimPrefix(id, "sha256:") }

// ID returns the ID of a text: its SHA-256 in hex, as automatic persisted queries have it.
func ID(text string) string {
	d := digest(text)
	return hex.EncodeToString(d[:])
}

// Formats are the names of the formats that Format writes.
var Formats = []string{"apollo", "relay"}

// Format writes a list in a format.
func Format(list []Document, format string) ([]byte, error) {
	var value any
	switch format {
	case "apollo":
		m := apolloManifest{Format: apolloFormat, Version: 1, Operations: make([]apolloOperation, len(list))}
		for i, d := range list {
			m.Operations[i] = apolloOperation{ID: d.ID, Body: d.Body, Name: d.Name, Type: d.Type, ClientName: d.Client}
		}
		value = m
	case "relay":
		m := map[string]string{}
		for _, d := range list {
			m[d.ID] = d.Body
		}
		value = m
	default:
		return nil, errors.New("the format must be one of " + strings.Join(Formats, ", "))
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}
