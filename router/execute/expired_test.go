package execute_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"souk/router/execute"
)

// Without a response, expired entries are part of the data. The error remains unless they
// replace all of it. A response that exists is used as it is unless they do.
func TestExpiredEntriesOfSomeEntities(t *testing.T) {
	for _, tt := range []struct {
		name, answer, expired, want string
		errors                      int
		age                         time.Duration
	}{
		{name: "all", answer: "failure: SUBREQUEST_HTTP_ERROR\n", expired: "1 2", want: `{"all":[{"id":"1","name":"old 1"},{"id":"2","name":"old 2"}]}`, age: time.Hour},
		{name: "one", answer: "failure: SUBREQUEST_HTTP_ERROR\n", expired: "2", want: `{"all":[{"id":"1","name":null},{"id":"2","name":"old 2"}]}`, errors: 1},
		{name: "none", answer: "failure: SUBREQUEST_HTTP_ERROR\n", want: `{"all":[{"id":"1","name":null},{"id":"2","name":null}]}`, errors: 1},
		{
			name: "all, and a response", answer: "status: 500\n" + `{"data":{"_entities":[{"name":"new"},null]},"errors":[{"message":"no"}]}`, expired: "1 2",
			want: `{"all":[{"id":"1","name":"old 1"},{"id":"2","name":"old 2"}]}`, age: time.Hour,
		},
		{
			name: "one, and a response", answer: "status: 500\n" + `{"data":{"_entities":[{"name":"new"},null]},"errors":[{"message":"no"}]}`, expired: "2",
			want: `{"all":[{"id":"1","name":"new"},{"id":"2","name":null}]}`, errors: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cache := &memory{kept: map[string]execute.Found{}, expired: map[string]execute.Found{}, covers: func(s *execute.CacheSelection) bool { return s.Root == nil }, ttl: time.Minute}
			transport := &canned{t: t, answers: map[string]string{
				"0": `{"data":{"all":[{"__typename":"P","id":"1"},{"__typename":"P","id":"2"}]}}`,
				"1": `{"data":{"_entities":[{"name":"old 1"},{"name":"old 2"}]}}`,
			}}
			executor := execute.New(execute.Options{Transport: transport, Cache: cache})
			request := &execute.Request{Program: compile(t, cachePlan)}
			executor.Execute(t.Context(), request).Release()
			for k, found := range cache.kept {
				for id := range strings.FieldsSeq(tt.expired) {
					if strings.Contains(k, `"id":"`+id+`"`) {
						cache.expired[k] = found
					}
				}
			}
			clear(cache.kept)
			transport.answers["1"] = tt.answer
			response := executor.Execute(t.Context(), request)
			defer response.Release()
			var got struct{ Data json.RawMessage }
			if err := json.Unmarshal(response.Body, &got); err != nil || string(got.Data) != tt.want || response.Errors != tt.errors {
				t.Errorf("got %s with %d errors\nwant %s with %d", response.Body, response.Errors, tt.want, tt.errors)
			}
			if response.Control.Age != tt.age {
				t.Errorf("age %s, want %s", response.Control.Age, tt.age)
			}
		})
	}
}
