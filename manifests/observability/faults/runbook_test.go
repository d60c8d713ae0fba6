package faults

import (
	"os"
	"regexp"
	"testing"
)

// The SQL in the runbook is valid in the databases for which it is written.
func TestStatementsOfTheRunbook(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the store")
	}
	text, err := os.ReadFile("../../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`echo "(.+)" \| kubectl -n ecommerce exec -i service/(\w+)-postgres`).FindAllStringSubmatch(string(text), -1)
	if len(found) < 6 {
		t.Fatalf("found only %d statements", len(found))
	}
	s := startStore(t, patience)
	for _, m := range found {
		s.sql(m[2], m[1])
	}
}
