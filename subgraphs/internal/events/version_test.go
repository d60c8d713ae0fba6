package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/subgraphs/internal/events"
)

// wrap converts version 1, a number, to version 2, an object with the number.
func wrap(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 || data[0] == '{' {
		return nil, errors.New("not a number")
	}
	return json.RawMessage(`{"n":` + string(data) + `}`), nil
}

// recordWrapped is a handler of version 2.
func recordWrapped(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var wrapped struct{ N json.RawMessage }
	if err := e.Decode(&wrapped); err != nil {
		return err
	}
	e.Data = wrapped.N
	return record(ctx, tx, e)
}

func appendVersion(t *testing.T, db *pgxpool.Pool, subject string, data any, version int) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		return events.Append(t.Context(), tx, events.Event{Type: events.OrderCreated, Subject: subject, Data: data, Version: version})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newRelease(maxUnavailable int) events.Consumer {
	return events.Consumer{
		Group: "g", Types: []string{events.OrderCreated}, Handler: recordWrapped, FirstRetry: time.Millisecond, MaxUnavailable: maxUnavailable,
		Upcasters: map[string][]events.Upcaster{events.OrderCreated: {wrap}},
	}
}

// During a rollout, the old release has the group and the new one already
// publishes events of a new version. They wait, in order, until the new release
// takes the group over, and other subjects go on.
func TestEventsOfANewVersionWaitForTheNewRelease(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, address string) {
		db := store(t)
		old, next := bus(t, db, address), bus(t, db, address)
		start(t, old.Relay)
		stopOld := start(t, old.Consume(events.Consumer{Group: "g", Types: []string{events.OrderCreated}, Handler: record, FirstRetry: time.Millisecond}))
		appendVersion(t, db, "a", 0, 1)
		eventually(t, "the old release has the group", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 1)) })
		start(t, next.Consume(newRelease(0)))
		appendVersion(t, db, "a", map[string]int{"n": 1}, 2)
		appendVersion(t, db, "a", 2, 0)
		for i := range 20 {
			appendVersion(t, db, "b", i, 1)
		}
		eventually(t, "another subject goes on", func() bool { return slices.Equal(effects(t, db, "b"), numbers(0, 20)) })
		if got := effects(t, db, "a"); !slices.Equal(got, numbers(0, 1)) {
			t.Errorf("got effects %v before the new release took over", got)
		}
		stopOld()
		eventually(t, "the new release handles what waited", func() bool { return slices.Equal(effects(t, db, "a"), numbers(0, 3)) })
		if report, err := next.Report(t.Context()); err != nil || len(report.Dead) != 0 {
			t.Errorf("got dead letters %v, err %v", report.Dead, err)
		}
	})
}

// Without the new release, an event is parked in the end, and the error says why.
func TestEventsOfAnUnknownVersionAreParked(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	start(t, b.Consume(newRelease(3)))
	appendVersion(t, db, "a", map[string]int{"n": 1}, 3)
	if letter := dead(t, b).Dead[0]; !strings.Contains(letter.Error, "has schema version 3, and this program knows versions up to 2") {
		t.Errorf("got dead letter %+v", letter)
	}
}

func TestDataThatCannotBeConvertedIsParkedAtOnce(t *testing.T) {
	t.Parallel()
	db, mini := store(t), miniredis.RunT(t)
	b := bus(t, db, mini.Addr())
	start(t, b.Relay)
	start(t, b.Consume(newRelease(0)))
	appendVersion(t, db, "a", map[string]int{"n": 1}, 1)
	if letter := dead(t, b).Dead[0]; letter.Attempts != 1 || !strings.Contains(letter.Error, "from schema version 1: not a number") {
		t.Errorf("got dead letter %+v", letter)
	}
}
