package observability_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A panel has the members that the checks read.
type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ Type, UID string }
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

// Panels have IDs, titles, units and a position, use the provided data source, and name
// their series.
func TestDashboardsAreComplete(t *testing.T) {
	files, err := filepath.Glob("dashboards/*.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("got %d dashboards: %v", len(files), err)
	}
	uids := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkDashboard(text, uids); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	text, err := os.ReadFile("dashboards/souk-services.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]struct{ old, new, said string }{
		"id":          {old: `"id": 2,`, new: `"id": 1,`, said: "two panels have the id 1"},
		"place":       {old: `"x": 8,`, new: `"x": 0,`, said: "overlaps"},
		"width":       {old: `"w": 8,`, new: `"w": 48,`, said: "is not within"},
		"unit":        {old: `"unit": "reqps"`, new: `"unit": ""`, said: "has no unit"},
		"data source": {old: `"uid": "prometheus"`, new: `"uid": "thanos"`, said: "asks thanos"},
		"legend":      {old: `"legendFormat": "{{app}}"`, new: `"legendFormat": ""`, said: "does not name its series"},
		"window":      {old: "[5m]", new: "[5s]", said: "over less than four scrapes"},
	} {
		changed := strings.Replace(string(text), wrong.old, wrong.new, 1)
		if changed == string(text) {
			t.Fatalf("%s not found", wrong.old)
		}
		if err := checkDashboard([]byte(changed), map[string]bool{}); err == nil || !strings.Contains(err.Error(), wrong.said) {
			t.Errorf("wrong %s: got error %v", name, err)
		}
	}
}

func checkDashboard(text []byte, uids map[string]bool) (err error) {
	var dashboard struct {
		UID, Title, Refresh string
		SchemaVersion       int
		Tags                []string
		Panels              []panel
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return err
	}
	complain := func(format string, arguments ...any) { err = errors.Join(err, fmt.Errorf(format, arguments...)) }
	if uids[dashboard.UID] {
		complain("its uid %s is another's, too", dashboard.UID)
	}
	uids[dashboard.UID] = true
	if dashboard.Title == "" || dashboard.SchemaVersion < 36 || len(dashboard.Tags) == 0 || len(dashboard.Panels) == 0 {
		complain("it has no title, tag or panel, or its format is old")
	}
	ids := map[int]bool{}
	for i, p := range dashboard.Panels {
		if ids[p.ID] {
			complain("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		err = errors.Join(err, p.check())
		for _, other := range dashboard.Panels[:i] {
			if p.overlaps(other) {
				complain("%q overlaps %q", p.Title, other.Title)
			}
		}
	}
	return err
}

func (p panel) check() error {
	if p.Title == "" || p.FieldConfig.Defaults.Unit == "" {
		return fmt.Errorf("%q has no unit or no title", p.Title)
	}
	if p.Datasource.Type != "prometheus" || p.Datasource.UID != "prometheus" {
		return fmt.Errorf("%q asks %s, which is not provided", p.Title, p.Datasource.UID)
	}
	if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
		return fmt.Errorf("%q is not within the 24 columns", p.Title)
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if target.RefID == "" || refs[target.RefID] {
			return fmt.Errorf("%q has two queries of one name", p.Title)
		}
		refs[target.RefID] = true
		if target.LegendFormat == "" && (len(p.Targets) > 1 || strings.Contains(strings.ReplaceAll(target.Expr, " by (le) ", ""), " by (") || strings.HasPrefix(target.Expr, "app:")) {
			return fmt.Errorf("%q does not name its series: %s", p.Title, target.Expr)
		}
		if strings.Contains(target.Expr, "rate(") && strings.Contains(target.Expr, "s]") {
			return fmt.Errorf("%q has a rate over less than four scrapes: %s", p.Title, target.Expr)
		}
	}
	return nil
}

func (p panel) overlaps(other panel) bool {
	a, b := p.GridPos, other.GridPos
	return a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H
}
