package canary

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestDifferencesHaveNoValues(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{`{"data":{"a":1},"extensions":{"x":1}}`, `{"extensions":{"y":2},"data":{"a":1}}`, ``},
		{`{"data":{"a":"secret"}}`, `{"data":{"a":"other"}}`, `data.a: another string`},
		{`{"data":{"a":{"b":[1,2]}}}`, `{"data":{"a":{"b":[1,3]}}}`, `data.a.b[1]: another number`},
		{`{"data":{"a":[1,2]}}`, `{"data":{"a":[1]}}`, `data.a: 1 items instead of 2`},
		{`{"data":{"a":1}}`, `{"data":{"b":1}}`, `data.a: missing|data.b: additional`},
		{`{"data":{"a":null}}`, `{"data":{"a":{"b":1}}}`, `data.a: object instead of null`},
		{`{"data":{"a":{"b":1}}}`, `{"data":{"a":[1]}}`, `data.a: list instead of object`},
		{`{"data":{"a":true}}`, `{"data":{"a":false}}`, `data.a: another boolean`},
		{`{"data":null}`, `{"data":null,"errors":[{"message":"m"}]}`, `errors: additional`},
		{`[{"data":1,"extensions":1}]`, `[{"data":2}]`, `[0].data: another number`},
		{`{"data":12345678901234567890}`, `{"data":12345678901234567891}`, `data: another number`},
	} {
		paths, total, err := differences([]byte(c.a), []byte(c.b))
		if got := strings.Join(paths, "|"); err != nil || got != c.want || total != len(paths) {
			t.Errorf("%s and %s: got %q (%d), error %v; want %q", c.a, c.b, got, total, err, c.want)
		}
	}
	var a, b []string
	for i := range 100 {
		a, b = append(a, `"`+strings.Repeat("x", 300)+strconv.Itoa(i)+`":1`), append(b, `"`+strings.Repeat("x", 300)+strconv.Itoa(i)+`":2`)
	}
	paths, total, err := differences([]byte("{"+strings.Join(a, ",")+"}"), []byte("{"+strings.Join(b, ",")+"}"))
	if err != nil || total != 100 || len(paths) != maxDifferences || len(paths[0]) > maxPathBytes+30 {
		t.Errorf("%d paths of %d, the first with %d bytes, error %v", len(paths), total, len(paths[0]), err)
	}
	for _, wrong := range []string{``, `{`, `{} {}`, `<html>`} {
		if _, _, err := differences([]byte(`{}`), []byte(wrong)); err == nil {
			t.Errorf("%q is compared", wrong)
		}
	}
}

func FuzzDifferences(f *testing.F) {
	f.Add(`{"data":{"a":[1,{"b":null}]}}`, `{"data":{"a":[{},1]}}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if _, total, err := differences([]byte(a), []byte(a)); err == nil && total != 0 {
			t.Errorf("%s differs from itself", a)
		}
		_, n, err := differences([]byte(a), []byte(b))
		_, m, err2 := differences([]byte(b), []byte(a))
		if (err == nil) != (err2 == nil) || err == nil && n != m {
			t.Errorf("%s and %s: %d and %d differences", a, b, n, m)
		}
	})
}

// Requests with the same key get the same variant, and keep it while the share grows.
func TestChoiceIsStickyAndProportional(t *testing.T) {
	request := func(key int) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Key", strconv.Itoa(key))
		return r
	}
	byKey := func(r *http.Request) string { return r.Header.Get("Key") }
	const keys = 10_000
	former := map[int]bool{}
	for _, percent := range []float64{0, 1, 10, 50, 100} {
		c := Choice{Percent: percent, Key: byKey}
		taken := 0
		for key := range keys {
			took := c.Takes(request(key))
			if took != c.Takes(request(key)) || former[key] && !took {
				t.Fatalf("at %g %%: key %d changes its variant", percent, key)
			}
			if former[key] = took; took {
				taken++
			}
		}
		if want := percent * keys / 100; float64(taken) < want*0.8 || float64(taken) > want*1.2 {
			t.Errorf("at %g %%: %d of %d keys", percent, taken, keys)
		}
	}
	next := 0.0
	c := Choice{Percent: 25, Random: func() float64 { next += 0.01; return next - 0.01 }}
	taken := 0
	for range 100 {
		if c.Takes(request(0)) {
			taken++
		}
	}
	if taken != 25 {
		t.Errorf("by chance: %d of 100 at 25 %%", taken)
	}
}

func TestSubjectOfAToken(t *testing.T) {
	key := BySubject("Authorization", "Bearer", func(*http.Request) string { return "other" })
	for token, want := range map[string]string{
		"Bearer e30.eyJpc3MiOiJpIiwic3ViIjoicyJ9.x": "subject:i s", "bearer  e30.eyJpc3MiOiJpIiwic3ViIjoicyJ9.y": "subject:i s",
		"Bearer e30.e30.x": "other", "Bearer a.!.b": "other", "Basic abc": "other", "": "other", "Bearer ": "other",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", token)
		if got := key(r); got != want {
			t.Errorf("%q: %q, want %q", token, got, want)
		}
	}
}
