package router

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"souk/router/execute"
)

func TestErrorsOfSubgraphsAreLoggedAtABoundedRate(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(100, 0)
	l := newSubgraphErrorLog(slog.New(slog.NewTextHandler(&out, nil)), 2, func() time.Time { return now })
	for range 10 {
		l.log(context.Background(), execute.FetchError{Subgraph: "a", Code: "A", Message: strings.Repeat("é", 2000), Path: "x.0"})
	}
	l.log(context.Background(), execute.FetchError{Subgraph: "b", Code: "B", Message: "other"})
	now = now.Add(time.Second)
	l.log(context.Background(), execute.FetchError{Subgraph: "a", Code: "A", Message: "again"})
	text := out.String()
	if n := strings.Count(text, "subgraph=a"); n != 3 || strings.Count(text, "subgraph=b") != 1 || !strings.Contains(text, "error=again skipped=8") || len(text) > 5000 {
		t.Errorf("logged\n%s", text)
	}
}
