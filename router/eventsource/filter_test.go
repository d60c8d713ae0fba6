package eventsource

import (
	"strings"
	"testing"

	"souk/router/supergraph"
)

var filtered = &supergraph.Field{
	Parent: &supergraph.Type{Name: "Subscription"}, Name: "f",
	Arguments: []*supergraph.Argument{
		{Name: "id", Type: "ID", Named: &supergraph.Type{Name: "ID"}},
		{Name: "n", Type: "Int", Named: &supergraph.Type{Name: "Int"}},
		{Name: "list", Type: "[ID]", Named: &supergraph.Type{Name: "ID"}},
	},
}

// Operators, their precedence, and values of different kinds.
func TestFilterHolds(t *testing.T) {
	event, err := decode([]byte(`{"id":7,"name":"b","total":1.5,"big":9007199254740993,"ok":true,"nested":{"a":[1,"2"]},"none":null}`))
	if err != nil {
		t.Fatal(err)
	}
	given, err := decode([]byte(`{"id":"7","n":2,"list":["1","7"]}`))
	if err != nil {
		t.Fatal(err)
	}
	arguments, _ := given.(map[string]any)
	for filter, want := range map[string]bool{
		`event.id == args.id`:          true,
		`event.id == 7`:                true,
		`event.id != "7"`:              false,
		`event.id in args.list`:        true,
		`2 in event.nested.a`:          true,
		`3 in event.nested.a`:          false,
		`1 in event.id`:                false,
		`event.total < args.n`:         true,
		`event.total >= 1.5`:           true,
		`event.total > 1.5`:            false,
		`event.total <= 1.5e0`:         true,
		`event.big > 9007199254740992`: true,
		`event.name > "a"`:             true,
		`event.name > 1`:               false,
		`event.name < 1`:               false,
		`event.ok == true`:             true,
		`event.ok == "true"`:           false,
		`event.none == null && event.missing.deeper == null`:         true,
		`event.none < 1 || event.none >= 1`:                          false,
		`!event.ok == false`:                                         true,
		`!(event.ok == true)`:                                        false,
		`event.id == 1 && event.id == 2 || event.ok == true`:         true,
		`event.id == 1 && (event.id == 2 || event.ok == true)`:       false,
		`event.ok == true || event.id == 1 && event.id == 2`:         true,
		"event.name==\"b\"\t&&\n event.nested.a != null":             true,
		`event.name == "\u0062"`:                                     true,
		`event.id == args.n`:                                         false,
		strings.Repeat("!", 32) + `event.ok == true`:                 true,
		strings.Repeat("(", 32) + `1 == 1` + strings.Repeat(")", 32): true,
	} {
		c, err := parseFilter(filter, filtered)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := c.holds(event, arguments); got != want {
			t.Errorf("%s is %v, want %v", filter, got, want)
		}
	}
	for _, filter := range []string{``, `event`, `event.`, `event.a..b == 1`, `args.x == 1`, `1`, `1 = 1`, `1 == "`, `1 in 2`, `1 == [1]`, `{} == 1`, `1 == 1 &&`, `1 == 1 1 == 1`, `(1 == 1`, strings.Repeat("!", 33) + "1 == 1", "1 == 1" + strings.Repeat(" ", maxFilter)} {
		if _, err := parseFilter(filter, filtered); err == nil {
			t.Errorf("%q is accepted", filter)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`event.id == args.id && !(event.total < 3 || event.name in args.list)`, `{"id":1}`)
	f.Add(`"a" != null`, `[]`)
	f.Fuzz(func(_ *testing.T, filter, event string) {
		c, err := parseFilter(filter, filtered)
		if err != nil {
			return
		}
		v, err := decode([]byte(event))
		if err == nil {
			c.holds(v, map[string]any{"id": "1", "list": []any{"x"}})
		}
	})
}

// No value of an argument changes the structure of a topic.
func FuzzTopic(f *testing.F) {
	f.Add("orders.{args.id}.{args.n}", "7")
	f.Add("{args.id}", "*")
	f.Fuzz(func(t *testing.T, text, value string) {
		parsed, err := parseTemplate(text, filtered)
		if err != nil {
			return
		}
		topic, err := parsed.topic(map[string]any{"id": value, "n": value})
		if err != nil {
			return
		}
		for _, separator := range []string{".", ":", "/", "*", ">", " ", "{", "}"} {
			literal := 0
			for _, p := range parsed.parts {
				literal += strings.Count(p.literal, separator)
			}
			if got := strings.Count(topic, separator); got != literal {
				t.Errorf("%q with %q is %q", text, value, topic)
			}
		}
		if len(topic) > maxTopic {
			t.Errorf("the topic has %d bytes", len(topic))
		}
	})
}
