package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The runbook has a section for each alert and no other, with its severity, and its
// commands name what exists.
func TestRunbookHasEveryAlert(t *testing.T) {
	text, err := os.ReadFile("runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(filepath.Join(top, "manifests/observability/rules/souk.yml"))
	if err != nil {
		t.Fatal(err)
	}
	severities := map[string]string{"page": "Page.", "ticket": "Ticket.", "none": "Always."}
	var alerts, described []string
	for _, rule := range regexp.MustCompile(`(?s)- alert: (\w+)\n.*?labels: \{severity: (\w+)\}`).FindAllStringSubmatch(string(rules), -1) {
		alerts = append(alerts, rule[1]+" "+severities[rule[2]])
	}
	for _, section := range regexp.MustCompile(`(?m)^## (\w+)\n\n(\w+\.) `).FindAllStringSubmatch(string(text), -1) {
		described = append(described, section[1]+" "+section[2])
	}
	if len(alerts) < 15 || !slices.Equal(described, alerts) {
		t.Errorf("the runbook describes\n%q\nthe alerts are\n%q", described, alerts)
	}
	if headings := strings.Count(string(text), "\n## "); headings != len(alerts) {
		t.Errorf("the runbook has %d headings for %d alerts", headings, len(alerts))
	}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		if name, body, _ := strings.Cut(section, "\n"); !strings.HasPrefix(section, "# ") && !strings.Contains(body, "```") && !strings.Contains(body, " as for [") {
			t.Errorf("%s has no query or command that confirms it", name)
		}
	}
	c := cluster{readObjects(t, "manifests/*.yaml")}
	commands := kubectl(string(text))
	for _, words := range commands {
		if err := c.check(words); err != nil {
			t.Errorf("kubectl %s: %v", strings.Join(words, " "), err)
		}
	}
	if len(commands) < 20 {
		t.Errorf("found only %d commands", len(commands))
	}
}
