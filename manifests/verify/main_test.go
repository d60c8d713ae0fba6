package verify

import (
	"os"
	"testing"

	"istio.io/istio/pkg/log"
)

// TestMain silences Istio, which says much about what a test's cluster lacks.
func TestMain(m *testing.M) {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	os.Exit(m.Run())
}
