package subscribe_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"souk/router/subscribe"
)

func TestEventsKeepLinesApart(t *testing.T) {
	w := httptest.NewRecorder()
	err := subscribe.ServeEvents(t.Context(), w, 0, func(_ context.Context, emit func([]byte) error) error {
		return emit([]byte("{\n\"data\": null\r\n}"))
	})
	want := ":\n\nevent: next\ndata: {\ndata: \"data\": null\ndata: }\n\nevent: complete\ndata:\n\n"
	if err != nil || w.Body.String() != want {
		t.Errorf("got %q, %v", w.Body, err)
	}
}

var errGone = errors.New("gone")

// A gone client is a writer that fails from its second write on.
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

func TestEventsEndWithTheClient(t *testing.T) {
	err := subscribe.ServeEvents(t.Context(), &goneClient{ResponseRecorder: httptest.NewRecorder()}, 0, func(ctx context.Context, emit func([]byte) error) error {
		if err := emit([]byte("{}")); !errors.Is(err, errGone) {
			t.Errorf("emit gave %v", err)
		}
		<-ctx.Done() // or the test does not end
		return ctx.Err()
	})
	if err == nil {
		t.Error("nothing was wrong")
	}
}
