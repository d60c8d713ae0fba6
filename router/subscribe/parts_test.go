package subscribe_test

import (
	"net/http/httptest"
	"testing"

	"souk/router/subscribe"
)

// TestPartsAreDelimitedAtOnce: a client need not wait for the next part to
// know that one has ended.
func TestPartsAreDelimitedAtOnce(t *testing.T) {
	w := httptest.NewRecorder()
	p := subscribe.NewParts(w, 200, "incrementalSpec=v0.2")
	const header = "content-type: application/json\r\n\r\n"
	for _, step := range []struct {
		text string
		last bool
		want string
	}{
		{`{"hasNext":true}`, false, "\r\n---\r\n" + header + `{"hasNext":true}` + "\r\n---\r\n"},
		{`{"hasNext":false}`, true, header + `{"hasNext":false}` + "\r\n-----\r\n"},
	} {
		w.Body.Reset()
		if err := p.Send([]byte(step.text), step.last); err != nil || w.Body.String() != step.want {
			t.Errorf("got %q, %v; want %q", w.Body, err, step.want)
		}
	}
	if got := w.Header().Get("Content-Type"); got != `multipart/mixed;boundary="-";incrementalSpec=v0.2` || !w.Flushed {
		t.Errorf("Content-Type %q, flushed %t", got, w.Flushed)
	}
	gone := subscribe.NewParts(&goneClient{ResponseRecorder: httptest.NewRecorder(), writes: 1}, 200, "")
	if err := gone.Send([]byte("{}"), false); err == nil {
		t.Error("nobody noticed that the client is gone")
	}
}
