package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"souk/router/gateway/config"
	"souk/router/plan"
)

type planned struct {
	Plan        json.RawMessage
	Text        string
	Explanation *struct {
		Leaves []struct {
			Path       string
			Candidates []struct {
				Path   string
				Cost   int
				Chosen bool
				Reason string
			}
		}
		Search string
	}
	Queries []struct {
		Fetch           int
		Subgraph, Query string
	}
	Cost struct {
		Estimated, Actual, Max *float64
	}
	Limits []struct {
		Name        string
		Used, Limit float64
	}
	Stages []struct {
		Name     string
		Duration float64
	}
}

func TestPlanIsExplained(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.DemandControl.Enabled, c.DemandControl.Max = true, 500 })
	res, body := s.api(t, http.MethodPost, "plan", `{"query":"query Q($n: Int, $all: Boolean!) { products(first: $n) { name reviews @include(if: $all) { text } } }","variables":{"n":3,"all":true},"operation_name":"Q","explain":true}`)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", res.Status, body)
	}
	var got planned
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	p, err := plan.ReadJSON(strings.NewReader(string(got.Plan)))
	if err != nil || len(p.Fetches) != 2 {
		t.Errorf("plan: %v\n%s", err, got.Text)
	}
	if len(got.Queries) != 2 || got.Queries[0].Subgraph != "catalog" || got.Queries[1].Fetch != 1 || !strings.Contains(got.Queries[1].Query, "_entities") {
		t.Errorf("queries %+v", got.Queries)
	}
	if !strings.Contains(got.Text, "entity fetch reviews") {
		t.Error(got.Text)
	}
	x := got.Explanation
	if x == nil || x.Search == "" || len(x.Leaves) < 2 || len(x.Leaves[0].Candidates) == 0 || x.Leaves[0].Candidates[0].Reason == "" {
		t.Errorf("explanation %+v", x)
	}
	if got.Cost.Estimated == nil || *got.Cost.Estimated == 0 || got.Cost.Max == nil || *got.Cost.Max != 500 || got.Cost.Actual != nil {
		t.Errorf("cost %+v", got.Cost)
	}
	limits := map[string]float64{}
	for _, l := range got.Limits {
		limits[l.Name] = l.Used
		if l.Name == "max_depth" && l.Limit != 100 {
			t.Errorf("limit %+v", l)
		}
	}
	if limits["max_depth"] != 3 || limits["max_fields"] != 4 || limits["max_root_fields"] != 1 || limits["demand_control"] == 0 {
		t.Errorf("limits %v", limits)
	}
	stages := ""
	for _, st := range got.Stages {
		stages += st.Name + " "
	}
	if stages != "parse validate normalize plan " {
		t.Errorf("stages %s", stages)
	}
}

func TestPlanWithoutExplanation(t *testing.T) {
	s := newShop(t, nil)
	_, body := s.api(t, http.MethodPost, "plan", `{"query":"{ products { id } }"}`)
	var got planned
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Explanation != nil || got.Cost.Max != nil {
		t.Errorf("%v %s", err, body)
	}
}

func TestPlanOfAnInvalidOperationIsRefused(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Limits.MaxBodyBytes = 1000; c.Limits.MaxDepth = 2 })
	for body, want := range map[string]struct {
		status int
		text   string
	}{
		`{"query":"{ products { nme } }"}`:                           {status: 422, text: `"locations":[{"line":1,"column":14}]`},
		`{"query":"{ products {"}`:                                   {status: 422, text: `"code":"GRAPHQL_PARSE_FAILED"`},
		`{"query":"{ products { reviews { text } } }"}`:              {status: 422, text: `"code":"MAX_DEPTH_LIMIT"`},
		`{"query":"query($n: Int!) { products(first: $n) { id } }"}`: {status: 422, text: `$n`},
		`{"query":"{ products { id } }","variables":[]}`:             {status: 400, text: `variables must be an object`},
		`{"query":"{ products { id } }","nothing":1}`:                {status: 400, text: `nothing`},
		`nonsense`: {status: 400, text: ``},
		`{"query":"` + strings.Repeat(" ", 2000) + `"}`: {status: 413, text: `1000`},
	} {
		res, text := s.api(t, http.MethodPost, "plan", body)
		if res.StatusCode != want.status || !strings.Contains(text, want.text) || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60s: %s %s", body, res.Status, text)
		}
	}
	if res, _ := request(t, http.MethodPost, s.admin+"/console/api/plan", `{"query":"{ products { id } }"}`, "Authorization: Bearer "+token, "Content-Type: text/plain"); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Error(res.Status)
	}
}
