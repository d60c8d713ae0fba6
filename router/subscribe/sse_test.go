package subscribe_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"souk/router/subscribe"
)

func serveEvents(t *testing.T, w http.ResponseWriter, run func(context.Context, func([]byte) error) error) error {
	t.Helper()
	events := subscribe.NewEvents(w, 0, func() string { return "" })
	if err := events.Begin(); err != nil {
		return err
	}
	result := make(chan error, 1)
	events.Serve(t.Context(), func(ctx context.Context, emit func([]byte) error, ended func(error)) { ended(run(ctx, emit)) }, func(err error) { result <- err })
	return <-result
}

func TestEachLineBecomesADataField(t *testing.T) {
	w := httptest.NewRecorder()
	err := serveEvents(t, w, func(_ context.Context, emit func([]byte) error) error {
		return emit([]byte("{\n\"data\": null\r\n}"))
	})
	want := ":\n\nevent: next\ndata: {\ndata: \"data\": null\ndata: }\n\nevent: complete\ndata:\n\n"
	if err != nil || w.Body.String() != want {
		t.Errorf("got %q, err %v", w.Body, err)
	}
}

var errGone = errors.New("gone")

// A goneClient is a ResponseWriter that fails from its second write on.
type goneClient struct {
	*httptest.ResponseRecorder
	writes int
}

func (c *goneClient) Write(b []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		return 0, errGone
	}
	return c.ResponseRecorder.Write(b)
}

func TestEventsEndWhenClientLeaves(t *testing.T) {
	err := serveEvents(t, &goneClient{ResponseRecorder: httptest.NewRecorder()}, func(ctx context.Context, emit func([]byte) error) error {
		if err := emit([]byte("{}")); !errors.Is(err, errGone) {
			t.Errorf("emit() = %v, want %v", err, errGone)
		}
		<-ctx.Done() // the failed write cancels ctx
		return ctx.Err()
	})
	if err == nil {
		t.Error("Serve() = nil, want an error")
	}
}
