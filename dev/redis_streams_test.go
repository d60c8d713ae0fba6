package dev

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback/loopbacktest"
	"souk/internal/redistest"
)

// The in-process Redis answers reads of streams as Redis does.
func TestStreamsAreReadAsInRedis(t *testing.T) {
	t.Parallel()
	address := loopbacktest.Address(t)
	own, err := runRedis(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.stop() })
	got, want := readStreams(t, address), readStreams(t, redistest.Start(t))
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("answer %d: got %v, Redis answers %v", i, got[i], want[i])
		}
	}
}

// readStreams returns the answers to commands.
func readStreams(t *testing.T, address string) (answers []any) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	ctx := t.Context()
	answer := func(value any, err error) {
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		answers = append(answers, fmt.Sprint(value, err))
	}
	add := func(stream string, n int) {
		t.Helper()
		values := []any{"type", "test", "n", n}
		if err := client.XAdd(ctx, &redis.XAddArgs{Stream: stream, ID: fmt.Sprintf("%d-%d", 1+n/2, n%2), Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	read := func(count int64, streams ...string) {
		answer(client.XRead(ctx, &redis.XReadArgs{Streams: streams, Count: count, Block: 20 * time.Millisecond}).Result())
	}
	exists := redis.NewScript(`return redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])`)
	find := func(id string) {
		answer(exists.Run(ctx, client, []string{eventStream}, id).Result())
		answer(client.XRange(ctx, eventStream, id, id).Result())
	}
	read(10, eventStream, "0-0") // there is none
	find("1-1")
	for n := range 7 {
		add(eventStream, n+1)
	}
	add("another", 3)
	for _, id := range []string{"0-0", "0", "1-0", "1-1", "2-0", "4-1", "5-0", "9-9", "$"} {
		read(3, eventStream, id)
	}
	read(10, eventStream, "another", "3-0", "0-1")
	read(10, eventStream, "another", "9-0", "0-1")
	for _, id := range []string{"1-1", "3-0", "4-1", "1-5", "0-1", "8-0", "3"} {
		find(id)
	}
	groups := func() {
		answer(client.XInfoGroups(ctx, eventStream).Result())
	}
	groups() // none
	if err := client.XGroupCreate(ctx, eventStream, "readers", "0").Err(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		answer(client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "readers", Consumer: "one", Streams: []string{eventStream, ">"}, Count: 3, Block: -1}).Result())
		groups()
		answer(client.XAck(ctx, eventStream, "readers", "2-0").Result())
	}
	add(eventStream, 12)
	groups()
	if err := client.Set(ctx, "text", "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	answer(nil, nil)
	if err := client.XRead(ctx, &redis.XReadArgs{Streams: []string{"text", "0-0"}, Count: 1, Block: time.Millisecond}).Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("reading a key that is no stream: got error %v", err)
	}
	return append(answers, awaitEntry(t, client, add))
}

// awaitEntry returns what a reader that waits for an entry gets.
func awaitEntry(t *testing.T, client *redis.Client, add func(string, int)) any {
	t.Helper()
	type result struct {
		read []redis.XStream
		err  error
	}
	waiting := make(chan result, 1)
	go func() {
		read, err := client.XRead(context.WithoutCancel(t.Context()), &redis.XReadArgs{Streams: []string{eventStream, "7-0"}, Count: 1, Block: time.Minute}).Result()
		waiting <- result{read, err}
	}()
	add(eventStream, 30)
	r := <-waiting
	return fmt.Sprint(r.read, r.err)
}
