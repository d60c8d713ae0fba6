package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// A call is a request to a subgraph.
type call struct {
	Path string `json:"path"`
	Body string `json:"body"`
}

// A recording is what the floor repeats: the requests that the router sent to the subgraphs for one
// request, and its response.
type recording struct {
	Calls    []call `json:"calls"`
	Response string `json:"response"`
}

func readRecording(path string) (recording, error) {
	var r recording
	text, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("reading a recording: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("reading the recording %s: %w", path, err)
	}
	return r, nil
}

func (r recording) write(path string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("writing a recording: %w", err)
	}
	return nil
}
