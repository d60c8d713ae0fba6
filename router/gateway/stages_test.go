package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"souk/router/auth"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/supergraph"
)

// denyLong is an authorizer that denies the field long.
type denyLong struct{}

func (denyLong) Authorize(_ context.Context, op *operation.Operation) (*operation.Operation, error) {
	copied := *op
	copied.Selections = nil
	for _, sel := range op.Selections {
		f := *sel.(*operation.Field)
		if f.Name == "long" {
			f.Denied = &operation.Denial{Code: "UNAUTHORIZED_FIELD_OR_TYPE", Message: "Not for you."}
		}
		copied.Selections = append(copied.Selections, &f)
	}
	return &copied, nil
}

func (denyLong) Requirements(*operation.Operation) auth.Requirements { return auth.Requirements{} }

// A field that authorization denies is null with an error and is not fetched.
// An operation that is not admitted gets the status of the rejection.
func TestUnauthorizedFieldsAreNullAndUnadmittedOperationsFail(t *testing.T) {
	s := &subgraph{}
	_, url := start(t, s, func(_ *config.Config, o *gateway.Options) {
		o.Authorize = func(_ *supergraph.Model) gateway.Authorizer {
			return denyLong{}
		}
		o.Demand = func(m *supergraph.Model) *limit.Estimator { return limit.NewEstimator(m, limit.CostOptions{}) }
		o.Spend = func(_ *http.Request, header http.Header, cost float64) *gateway.Refusal {
			header.Set("RateLimit", "x")
			if cost >= limit.MutationCost {
				return &gateway.Refusal{Status: 429, Header: http.Header{"Retry-After": {"3"}}, Err: &operation.Error{Message: "Slowly.", Code: "RATE_LIMIT_EXCEEDED"}}
			}
			return nil
		}
	})
	for range 2 {
		got := send(t, "POST", url+"/graphql", `{"query":"{ hello long }"}`)
		if !strings.Contains(got.body, `"data":{"hello":"hi","long":null}`) || !strings.Contains(got.body, `"code":"UNAUTHORIZED_FIELD_OR_TYPE"`) || got.header.Get("RateLimit") != "x" {
			t.Errorf("got %s", got.body)
		}
	}
	for _, asked := range s.asked {
		if strings.Contains(asked, "long") {
			t.Errorf("the subgraph got %s", asked)
		}
	}
	got := send(t, "POST", url+"/graphql", `{"query":"mutation { add(n: 1) }"}`)
	if got.status != 429 || got.header.Get("Retry-After") != "3" || !strings.Contains(got.body, "RATE_LIMIT_EXCEEDED") {
		t.Errorf("got status %d, headers %v, %s", got.status, got.header, got.body)
	}
}
