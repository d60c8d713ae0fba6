//go:build unix

package hostile_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Samples are the measurements of a well-behaved client.
type samples struct {
	answered []time.Duration
	// refused counts responses that asked the client to retry, and failed
	// connections.
	refused int
}

// refusedShare is the share of the client's requests that were refused.
func (s samples) refusedShare() float64 {
	return float64(s.refused) / float64(max(1, s.refused+len(s.answered)))
}

func (s samples) at(share float64) time.Duration {
	if len(s.answered) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.answered))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func (s *samples) add(more samples) {
	s.answered = append(s.answered, more.answered...)
	s.refused += more.refused
}

// ask sends n small requests from an address that no attacker uses. While the process
// refuses them, it retries, as its Retry-After tells clients to.
func (s *target) ask(n int) (all samples) {
	good := &http.Client{Timeout: patience}
	defer good.CloseIdleConnections()
	for end := time.Now().Add(patience); len(all.answered) < n && time.Now().Before(end) && !s.ended.Load(); {
		begun := time.Now()
		response, err := good.Post("http://"+s.address+"/graphql", "application/json", strings.NewReader(s.good)) //nolint:noctx // bounded by the client's timeout
		if err != nil {
			all.refused++
			time.Sleep(50 * time.Millisecond) // the client's pace
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(string(body), s.want) {
			all.refused++
			time.Sleep(50 * time.Millisecond) // the client's pace
			continue
		}
		all.answered = append(all.answered, time.Since(begun))
	}
	return all
}
