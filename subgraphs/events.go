package subgraphs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/redisurl"
	"souk/subgraphs/internal/events"
)

// A DeadLetter is an event that a service could not handle.
type DeadLetter struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"` // when it became a dead letter
	Group    string    `json:"group"`
	Type     string    `json:"type"`
	Subject  string    `json:"subject"`
	EventID  string    `json:"event_id"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"` // of the last attempt
	// Data is the data of the event; null if the entry is not an event.
	Data json.RawMessage `json:"data"`
}

// ListDeadLetters returns the dead letters in a Redis, oldest first, up to
// limit. An empty group or type matches all.
func ListDeadLetters(ctx context.Context, redisURL, group, eventType string, limit int) ([]DeadLetter, error) {
	client, err := openRedis(redisURL)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found, err := events.DeadLetters(ctx, client, events.DeadLetterFilter{Group: group, Type: eventType}, limit)
	if err != nil {
		return nil, err
	}
	letters := make([]DeadLetter, len(found))
	for i, d := range found {
		data, _ := d.Event.Data.(json.RawMessage)
		if len(data) == 0 {
			data = json.RawMessage("null")
		}
		letters[i] = DeadLetter{
			ID: d.ID, Time: d.Time(), Group: d.Group, Type: d.Type, Subject: d.Event.Subject, EventID: d.Event.ID,
			Attempts: d.Attempts, Error: d.Error, Data: data,
		}
	}
	return letters, nil
}

// ReviveDeadLetters delivers the events of dead letters again, each to the
// group that could not handle it. It calls report with the result of each.
func ReviveDeadLetters(ctx context.Context, redisURL string, ids []string, report func(id string, err error)) error {
	client, err := openRedis(redisURL)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, id := range ids {
		report(id, events.Redeliver(ctx, client, id))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func openRedis(url string) (redis.UniversalClient, error) {
	options, err := redisurl.ParsePrimary(url)
	if err != nil {
		return nil, fmt.Errorf("the Redis URL is invalid: %w; it has a form such as redis://localhost:6379", err)
	}
	options.ContextTimeoutEnabled = true
	return redis.NewUniversalClient(options), nil
}
