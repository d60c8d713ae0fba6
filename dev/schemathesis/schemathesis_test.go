package schemathesis_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"souk/dev"
	"souk/internal/packagetest"
)

const (
	variable = "SOUK_SCHEMATHESIS"
	// The test is bounded by the number of examples for an operation, and by time, in
	// seconds.
	maxExamples = "5"
	maxTime     = "300"
)

// Schemathesis has no finding with any of its checks: every response is documented,
// requests that the document allows are accepted, and all others are refused.
func TestOpenAPIDocumentIsTrue(t *testing.T) {
	if os.Getenv(variable) == "" {
		t.Skipf("skipped: takes minutes; make schemathesis runs it (%s=1)", variable)
	}
	program := filepath.Join(packagetest.Python(t), "venv/bin/st")
	system, err := dev.Start(t.Context(), dev.Options{Listen: "127.0.0.1:0", AuthMode: "tutorial"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Stop(); err != nil {
			t.Error(err)
		}
	})
	command := exec.CommandContext(t.Context(), program, "run", system.URL("router")+"/api/openapi.json",
		"--phases", "examples,coverage,fuzzing", "--max-examples", maxExamples, "--max-time", maxTime, "--no-color")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("st run: %v\n%s", err, out)
	}
}
