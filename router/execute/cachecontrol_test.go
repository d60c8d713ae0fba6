package execute_test

import (
	"testing"
	"time"

	"souk/router/execute"
)

// The table states how a subgraph's Cache-Control appears in the response. An
// invalid directive never makes a response live longer.
func TestCacheControlCombinesSubgraphs(t *testing.T) {
	for header, want := range map[string]execute.CacheControl{
		`max-age=60`:                          {Set: true, MaxAge: time.Minute},
		`MAX-AGE="60"`:                        {Set: true, MaxAge: time.Minute},
		`max-age=60, max-age=5`:               {Set: true, MaxAge: 5 * time.Second},
		`max-age=60, max-age=soon`:            {Set: true},
		`max-age=soon, max-age=60`:            {Set: true},
		`max-age="60`:                         {Set: true},
		`max-age=60, s-maxage=5`:              {Set: true, MaxAge: 5 * time.Second},
		`max-age=60, ext="a, no-store, b"`:    {Set: true, MaxAge: time.Minute},
		`ext="a\", max-age=60, b", max-age=5`: {Set: true, MaxAge: 5 * time.Second},
		`ext="open, max-age=60`:               {Set: true},
		`max-age=60, no-store="x"`:            {Set: true},
		`max-age=60, no-cache="Set-Cookie"`:   {Set: true},
		`max-age=60, private="Set-Cookie, A"`: {Set: true, MaxAge: time.Minute, Private: true},
		` , max-age=60 ,, `:                   {Set: true, MaxAge: time.Minute},
	} {
		transport := &canned{t: t, answers: map[string]string{"0": "Cache-Control: " + header + "\n" + `{"data":{"a":1}}`}}
		executor := execute.New(execute.Options{Transport: transport})
		response := executor.Execute(t.Context(), &execute.Request{Program: compile(t, "query Query fetch s : { a } projection { a:Int }")})
		if response.Control != want {
			t.Errorf("%s: got %+v, want %+v", header, response.Control, want)
		}
		response.Release()
	}
}

// For the entity cache, only public without an argument means public.
func TestPublicIgnoresArguments(t *testing.T) {
	for header, want := range map[string]bool{
		`public, max-age=60`: true, `PUBLIC, max-age=60`: true, `s-maxage=60`: true,
		`public="x", max-age=60`: false, `public=, max-age=60`: false, `ext="a, public, b", max-age=60`: false, `public, private, max-age=60`: false,
	} {
		var got execute.CacheControl
		cache := &memory{kept: map[string]execute.Found{}, stored: func(l *execute.CacheLookup) { got = l.Control }}
		transport := &canned{t: t, answers: map[string]string{"0": "Cache-Control: " + header + "\n" + `{"data":{"a":1}}`}}
		executor := execute.New(execute.Options{Transport: transport, Cache: cache})
		executor.Execute(t.Context(), &execute.Request{Program: compile(t, "query Query fetch s : { a } projection { a:Int }")}).Release()
		if got.Public != want || got.MaxAge != time.Minute {
			t.Errorf("%s: got %+v, want Public = %t", header, got, want)
		}
	}
}
