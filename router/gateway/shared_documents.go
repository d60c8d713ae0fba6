package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/router/gateway/config"
)

// sharedPrefix begins the keys of documents in Redis, after the prefix of the connection.
const sharedPrefix = "souk:documents:"

// maxSharing bounds the documents that are being written to Redis. Further ones are not shared:
// clients register them with another router again.
const maxSharing = 32

// sharedDocuments are documents that clients have registered with any router. It is nil without
// Redis. While Redis fails, each router has only its own.
type sharedDocuments struct {
	redis   redis.Cmdable
	prefix  string // of keys
	timeout time.Duration
	config  config.PersistedDocuments
	slots   chan struct{}
}

func newSharedDocuments(client redis.Cmdable, connection config.Redis, c config.PersistedDocuments) *sharedDocuments {
	if client == nil {
		return nil
	}
	return &sharedDocuments{redis: client, prefix: connection.KeyPrefix + sharedPrefix, timeout: connection.Timeout, config: c, slots: make(chan struct{}, maxSharing)}
}

// get returns the document with a hash, or nil. Whoever can write to Redis cannot put another
// document in its place.
func (s *sharedDocuments) get(ctx context.Context, hash string) []byte {
	if s == nil || len(hash) != 2*sha256.Size {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	text, err := s.redis.GetEx(ctx, s.prefix+hash, s.config.TTL).Bytes()
	if err != nil { // the client reports failures to its dependency
		return nil
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != hash {
		return nil
	}
	return text
}

// put stores a document, without waiting for that.
func (s *sharedDocuments) put(ctx context.Context, hash, text string) {
	if s == nil || len(text) > s.config.MaxDocumentBytes {
		return
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.slots }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		_ = s.redis.Set(ctx, s.prefix+hash, text, max(s.config.TTL, time.Second)).Err() // as above
	}()
}
