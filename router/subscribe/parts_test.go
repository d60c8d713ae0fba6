package subscribe_test

import (
	"net/http/httptest"
	"testing"

	"souk/router/subscribe"
)

// The delimiter follows each part at once, so that clients need not wait for the
// next part.
func TestPartsEndWithDelimiter(t *testing.T) {
	w := httptest.NewRecorder()
	p := subscribe.NewParts(w, 200, "incrementalSpec=v0.2")
	const header = "content-type: application/json\r\n\r\n"
	for _, step := range []struct {
		text string
		last bool
		want string
	}{
		{text: `{"hasNext":true}`, last: false, want: "\r\n---\r\n" + header + `{"hasNext":true}` + "\r\n---\r\n"},
		{text: `{"hasNext":false}`, last: true, want: header + `{"hasNext":false}` + "\r\n-----\r\n"},
	} {
		w.Body.Reset()
		if err := p.Send([]byte(step.text), step.last); err != nil || w.Body.String() != step.want {
			t.Errorf("got %q, err %v, want %q", w.Body, err, step.want)
		}
	}
	if got := w.Header().Get("Content-Type"); got != `multipart/mixed;boundary="-";incrementalSpec=v0.2` || !w.Flushed {
		t.Errorf("Content-Type %q, flushed %t", got, w.Flushed)
	}
	gone := subscribe.NewParts(&goneClient{ResponseRecorder: httptest.NewRecorder(), writes: 1}, 200, "")
	if err := gone.Send([]byte("{}"), false); err == nil {
		t.Error("Send() = nil after the client disconnected")
	}
}
