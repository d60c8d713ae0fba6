package rest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"
)

// Every code has one status, and docs/clients.md lists each code with its status.
func TestEachCodeHasOneStatus(t *testing.T) {
	h, _ := newHandler(t, nil)
	var document struct {
		Problems []struct {
			Code   string
			Status int
		} `json:"x-problems"`
	}
	if err := json.Unmarshal(openAPI(t, h), &document); err != nil {
		t.Fatal(err)
	}
	statuses := map[string]int{}
	var rows []string
	for _, p := range document.Problems {
		if other, known := statuses[p.Code]; known && other != p.Status || p.Code == "" {
			t.Errorf("code %q has the statuses %d and %d", p.Code, other, p.Status)
		}
		statuses[p.Code] = p.Status
		rows = append(rows, fmt.Sprintf("| %d | `%s` |", p.Status, p.Code))
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	text, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("(?m)^\\| [1-5][0-9]{2} \\| `[A-Z_]+` \\|").FindAllString(string(text), -1)
	if !slices.Equal(documented, rows) {
		t.Errorf("docs/clients.md lists\n%q\nwant, in this order,\n%q", documented, rows)
	}
}
