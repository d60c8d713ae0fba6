package events

import "context"

// SetMaxStreamLength replaces the maximum length of the stream.
func (b *Bus) SetMaxStreamLength(n int64) { b.maxStreamLength = n }

// DeleteOld deletes old events, as the relay does every minute.
var DeleteOld = (*Bus).deleteOld

// RelayOnce publishes one batch of the outbox.
func RelayOnce(ctx context.Context, b *Bus) error { return b.exclusively(ctx, b.relayBatch) }
