package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each party has the time to report an error of its own before its caller gives up.
func TestTimeoutsAreOrdered(t *testing.T) {
	const top = "../.."
	if err := read(t).CheckTimeouts(top); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"router":   {file: "08", old: "        timeout: 14s", new: "        timeout: 30s", said: "route graphql waits 30s; the router takes up to 30s"},
		"subgraph": {file: "08", old: "        timeout: 4500ms", new: "        timeout: 5s", said: "an attempt of route products waits 10s; the subgraphs of a product takes up to 10s"},
		"calls":    {file: "08", old: "        timeout: 4500ms", new: "        timeout: 2s", said: "the router for a subgraph waits 2s; a call of a service takes up to 2.5s"},
		"order":    {file: "08", old: "order: {timeout: 13s}", new: "order: {timeout: 10s}", said: "the router for order waits 10s"},
		"attempt":  {file: "10", old: "perTryTimeout: 15s", new: "perTryTimeout: 14s", said: "an attempt of route api waits 14s; the router takes up to 14s"},
		"gateway":  {file: "10", old: "      timeout: 30s\n      retries: {attempts: 2, retryOn", new: "      retries: {attempts: 2, retryOn", said: "route graphql waits 0s"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckTimeouts(top))
	}
}

// A statement of SQL ends before the caller of its service gives up.
func TestStatementsEndBeforeCalls(t *testing.T) {
	const top = "../.."
	slow := t.TempDir()
	for _, file := range []string{"subgraphs/internal/peer/peer.go", "subgraphs/order/checkout/service.go", "subgraphs/internal/database/timeout.go"} {
		text, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "statementTimeout = 2 * time.Second", "statementTimeout = 3 * time.Second", 1)
		to := filepath.Join(slow, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := read(t).CheckTimeouts(slow)
	if err == nil || !strings.Contains(err.Error(), "a call of a service waits 2.5s; a statement of SQL takes up to 3s") {
		t.Errorf("a statement may take longer than a call waits: %v", err)
	}
}
