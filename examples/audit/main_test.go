package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"souk/examples/internal/exampletest"
	"souk/router"
	"souk/router/hook"
)

func TestEveryOperationIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := exampletest.New(t, router.Extensions{Hooks: []hook.Hooks{newAudit(&log)}}, nil)
	s.Send(t, "query Greeting { hello }")
	s.Send(t, "{ unknown }")

	type record struct {
		Operation, Kind, Hash, Carrier string
		Status, Errors                 int
		Subgraphs                      []string
	}
	var got []record
	for decoder := json.NewDecoder(&log); decoder.More(); {
		var r record
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if len(got) != 2 {
		t.Fatalf("got %d records, want one for each operation", len(got))
	}
	if r := got[0]; r.Operation != "Greeting" || r.Kind != "query" || len(r.Hash) != 64 || r.Carrier != "http" || r.Status != 200 || r.Errors != 0 || !slices.Equal(r.Subgraphs, []string{"office"}) {
		t.Errorf("success: got record %+v", r)
	}
	if r := got[1]; r.Operation != "" || r.Status != 422 || r.Errors != 1 || r.Subgraphs != nil {
		t.Errorf("rejection: got record %+v", r)
	}
}

func TestLogThatCannotBeOpenedIsRefused(t *testing.T) {
	t.Setenv("AUDIT_LOG", filepath.Join(t.TempDir(), "none", "audit.log"))
	if err := extend(new(router.Extensions)); err == nil {
		t.Error("a log that cannot be opened is accepted")
	}
}
