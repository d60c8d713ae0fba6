package telemetry_test

import (
	"testing"

	"souk/router/telemetry"
)

func TestErrorsOfClientsAreNoFailures(t *testing.T) {
	blame := telemetry.NewBlame("OUT_OF_STOCK")
	for _, test := range []struct {
		codes []string
		null  bool
		want  telemetry.Outcome
	}{
		{want: telemetry.Data},
		{codes: []string{"BAD_USER_INPUT"}, null: true, want: telemetry.ClientErrors},
		{codes: []string{"UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND"}, want: telemetry.ClientErrors},
		{codes: []string{"OUT_OF_STOCK"}, null: true, want: telemetry.ClientErrors},
		{codes: []string{"TOTAL_CHANGED"}, null: true, want: telemetry.Errors}, // nobody says that it is the client's
		{codes: []string{""}, null: true, want: telemetry.Errors},
		{codes: []string{"INTERNAL_SERVER_ERROR"}, null: true, want: telemetry.Errors},
		{codes: []string{"DOWNSTREAM_SERVICE_ERROR"}, want: telemetry.Partial},
		{codes: []string{"NOT_FOUND", "SUBREQUEST_TIMEOUT"}, null: true, want: telemetry.Errors},
		{codes: []string{"NOT_FOUND", "SUBREQUEST_TIMEOUT"}, want: telemetry.Partial},
		{codes: []string{"AUTHENTICATION_UNAVAILABLE"}, null: true, want: telemetry.Errors},
	} {
		if got := blame.Outcome(test.codes, test.null); got != test.want {
			t.Errorf("%q, null %t: got %s, want %s", test.codes, test.null, got, test.want)
		}
	}
}
