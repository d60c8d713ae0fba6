package verify

import (
	"os"
	"testing"

	"istio.io/istio/pkg/log"
)

// TestMain silences Istio, which logs much about what the tests' cluster lacks.
func TestMain(m *testing.M) {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	os.Exit(m.Run())
}
