package top

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// TestRejectedRequestsHaveARow: requests that were rejected before their operation was known
// are in no other row.
func TestRejectedRequestsHaveARow(t *testing.T) {
	var s Snapshot
	err := s.decode(map[string]json.RawMessage{"operations": json.RawMessage(`{"operations":[{"hash":"0123456789","name":"Burst","kind":"query","requests":149}],
		"other":{"requests":251,"requests_per_second":4.2,"errors":251,"error_rate":1,"rejected":251}}`)})
	if err != nil {
		t.Fatal(err)
	}
	m := NewModel(t.Context(), &Client{URL: "http://localhost:9090"}, s, Options{})
	if screen := text(m); !strings.Contains(screen, "(other, 251 rejected)") || !strings.Contains(screen, "100%") {
		t.Errorf("%s", screen)
	}
	press(m, "home", "enter") // it has the highest rate
	if screen := text(m); !strings.Contains(screen, "251 were rejected before their operation was known") {
		t.Errorf("%s", screen)
	}
}

// TestOperationsWithTheSameNameAreToldApart by the beginning of their hashes.
func TestOperationsWithTheSameNameAreToldApart(t *testing.T) {
	s := Snapshot{Operations: []Operation{
		{Hash: "aaaaaaaa11", Name: "Same"}, {Hash: "bbbbbbbb22", Name: "Same"}, {Hash: "cccccccc33", Name: "Once"}, {Hash: "dddddddd44"},
	}}
	var got []string
	for _, r := range s.operationTable().rows {
		got = append(got, r.cells[0].text)
	}
	if want := "Same aaaaaaaa, Same bbbbbbbb, Once, (unnamed dddddddd)"; strings.Join(got, ", ") != want {
		t.Errorf("%q, want %s", got, want)
	}
}

// TestDetailsWrapAtSpaces at every width at which the words fit.
func TestDetailsWrapAtSpaces(t *testing.T) {
	m := model(t, 130, 200)
	press(m, "enter")
	m.Update(traceMsg{id: m.details.asked, trace: recordedTrace(t)})
	words := map[string]bool{}
	for _, line := range m.details.operation(&m.snapshot) {
		for _, word := range strings.Fields(ansi.Strip(line)) {
			words[word] = true
		}
	}
	for width := 70; width < 130; width++ {
		lines := m.details.lines(&m.snapshot, width)
		for _, word := range strings.Fields(ansi.Strip(strings.Join(lines[:4], "\n"))) {
			if !words[word] {
				t.Fatalf("%d cells: %q is a part of a word:\n%s", width, word, ansi.Strip(strings.Join(lines[:6], "\n")))
			}
		}
	}
}
