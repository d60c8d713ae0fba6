package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"souk/cli"
)

// run executes a command and returns what it writes.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := cli.New()
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), problems.String(), err
}

// park adds a dead letter, as a service does.
func park(t *testing.T, redis *miniredis.Miniredis, group, kind, subject, failure string) (id string) {
	t.Helper()
	event := fmt.Sprintf(`{"specversion":"1.0","id":"e-%s","source":"/souk/order","type":%q,"subject":%q,"data":{"orderId":%q}}`, subject, kind, subject, subject)
	id, err := redis.XAdd("souk:events:dead", "*", []string{
		"type", kind, "event", event, "group", group, "error", failure, "attempts", "8",
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func stream(t *testing.T, redis *miniredis.Miniredis, name string) []miniredis.StreamEntry {
	t.Helper()
	entries, err := redis.Stream(name)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestDeadLettersAreListed(t *testing.T) {
	redis := miniredis.RunT(t)
	address := "redis://" + redis.Addr()
	if out, _, err := run(t, "events", "dead", "--redis", address); err != nil || out != "There are no dead letters.\n" {
		t.Errorf("without dead letters: %q, %v", out, err)
	}
	first := park(t, redis, "notification", "order.created", "7", "panic: nil\ngoroutine 1")
	park(t, redis, "other", "order.cancelled", "8", "no such user")
	for _, c := range []struct {
		args       []string
		has, lacks string
	}{
		{has: first}, {has: "no such user"}, {lacks: "goroutine"},
		{args: []string{"--group", "notification"}, has: first, lacks: "no such user"},
		{args: []string{"--type", "order.cancelled"}, has: "no such user", lacks: first},
		{args: []string{"--limit", "1"}, has: first, lacks: "no such user"},
	} {
		out, _, err := run(t, append([]string{"events", "dead", "--redis", address}, c.args...)...)
		if err != nil || !strings.Contains(out, c.has) || c.lacks != "" && strings.Contains(out, c.lacks) {
			t.Errorf("%v: want %q and not %q in\n%s%v", c.args, c.has, c.lacks, out, err)
		}
	}
	out, _, err := run(t, "events", "dead", "--redis", address, "--json")
	var letters []struct {
		ID, Subject string
		Attempts    int
		Data        struct{ OrderID string }
	}
	if err != nil || json.Unmarshal([]byte(out), &letters) != nil || len(letters) != 2 || letters[0].ID != first || letters[0].Attempts != 8 || letters[1].Data.OrderID != "8" {
		t.Errorf("as JSON: %s, %v", out, err)
	}
}

func TestManyDeadLettersAreListed(t *testing.T) {
	redis := miniredis.RunT(t)
	const count = 1203 // more than two pages
	for i := range count {
		park(t, redis, "notification", "order.created", fmt.Sprint(i), "no")
	}
	out, _, err := run(t, "events", "dead", "--redis", "redis://"+redis.Addr(), "--limit", "5000")
	if lines := strings.Count(out, "\n"); err != nil || lines != count+1 {
		t.Errorf("%d lines, %v", lines, err)
	}
}

func TestDeadLettersAreRevived(t *testing.T) {
	redis := miniredis.RunT(t)
	address := "redis://" + redis.Addr()
	first := park(t, redis, "notification", "order.created", "7", "no")
	park(t, redis, "notification", "order.cancelled", "8", "no")
	park(t, redis, "other", "order.created", "9", "no")

	out, _, err := run(t, "events", "revive", "--redis", address, first)
	if err != nil || out != "revived 1 of 1 dead letters\n" {
		t.Errorf("one: %q, %v", out, err)
	}
	_, problems, err := run(t, "events", "revive", "--redis", address, first, "1-1", "nonsense")
	if err == nil || !strings.Contains(problems, "has been redelivered: "+first) || !strings.Contains(problems, "does not exist: 1-1") || !strings.Contains(problems, `"nonsense" is not an ID`) {
		t.Errorf("again: %q, %v", problems, err)
	}
	if out, _, err := run(t, "events", "revive", "--redis", address, "--all", "--group", "notification"); err != nil || out != "revived 1 of 1 dead letters\n" {
		t.Errorf("all of a group: %q, %v", out, err)
	}
	entries := stream(t, redis, "souk:events")
	if len(entries) != 2 || !strings.Contains(fmt.Sprint(entries[0].Values), "e-7") || !strings.Contains(fmt.Sprint(entries[1].Values), "group notification") {
		t.Errorf("the stream has %v", entries)
	}
	if left := stream(t, redis, "souk:events:dead"); len(left) != 1 {
		t.Errorf("%d dead letters are left, want that of the other group", len(left))
	}
}

func TestMistakesWithDeadLettersAreExplained(t *testing.T) {
	t.Setenv("REDIS_URL", "")
	for _, c := range []struct {
		args []string
		want string
	}{
		{args: []string{"dead"}, want: "set --redis or REDIS_URL"},
		{args: []string{"dead", "--redis", "localhost"}, want: "such as redis://localhost:6379"},
		{args: []string{"dead", "--redis", "redis://127.0.0.1:1"}, want: "reading the dead letters"},
		{args: []string{"dead", "--redis", "redis://127.0.0.1:1", "--limit", "0"}, want: "--limit is 0"},
		{args: []string{"revive", "--redis", "redis://127.0.0.1:1"}, want: "give the IDs of dead letters, or --all"},
		{args: []string{"revive", "--redis", "redis://127.0.0.1:1", "--all", "1-1"}, want: "give the IDs of dead letters, or --all"},
		{args: []string{"revive", "1-1"}, want: "set --redis or REDIS_URL"},
	} {
		if _, _, err := run(t, append([]string{"events"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}

// The password in REDIS_URL is not part of the help.
func TestHelpDoesNotShowTheRedisPassword(t *testing.T) {
	t.Setenv("REDIS_URL", "redis://:secret@redis:6379")
	if out, _, err := run(t, "events", "dead", "--help"); err != nil || strings.Contains(out, "secret") || !strings.Contains(out, "$REDIS_URL") {
		t.Errorf("%s%v", out, err)
	}
}
