package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"souk/internal/bytecache"
	"souk/router/documents"
	"souk/router/gateway/config"
	"souk/router/internal/jsonscan"
	"souk/router/operation"
)

// loggedBytes bounds the memory for the digests of unknown documents that have been logged.
const loggedBytes = 1 << 20

// persistedDocuments holds the documents that clients can identify by hash.
type persistedDocuments struct {
	config config.PersistedDocuments
	// trusted has the documents of the operator. It is nil if none are configured.
	trusted atomic.Pointer[documents.Set]
	// registered has the documents from clients (automatic persisted queries), by hash, and
	// shared those of all routers.
	registered *bytecache.Cache[string, []byte]
	shared     *sharedDocuments
	// logged has the digests of unknown documents that have been logged.
	logged  *bytecache.Cache[documents.Digest, bool]
	metrics *metrics
	logger  *slog.Logger
}

// newPersistedDocuments returns documents without trusted ones.
func (gw *Gateway) newPersistedDocuments() *persistedDocuments {
	c := gw.config.PersistedDocuments
	return &persistedDocuments{
		config: c, registered: bytecache.New[string, []byte](gw.config.Caches.Persisted, gw.metrics.Persisted.Observer()),
		shared: newSharedDocuments(gw.options.Documents, gw.config.RedisOf(c.Redis), c), metrics: gw.metrics, logger: gw.logger,
		logged: bytecache.New[documents.Digest, bool](loggedBytes, bytecache.Observer{}),
	}
}

// The values of extensions.code for documents that are not accepted.
const (
	codePersistedNotFound = "PERSISTED_QUERY_NOT_FOUND"
	codePersistedRequired = "PERSISTED_QUERY_REQUIRED"
	codeIDRequired        = "PERSISTED_QUERY_ID_REQUIRED"
)

// register stores a document for clients that later send only its hash. It is called
// after the document has been validated, so that invalid documents take no memory.
func (t *persistedDocuments) register(ctx context.Context, hash string, d *document) {
	if _, known := t.registered.Get(hash); !known {
		t.registered.Put(hash, []byte(d.text), len(hash)+len(d.text))
		t.shared.put(ctx, hash, d.text)
	}
}

// resolve fills in the document of a request that has only a hash. If the request has
// both, it checks that they match. With Require, it rejects untrusted documents.
func (t *persistedDocuments) resolve(ctx context.Context, r *request, client string) error {
	trusted := t.trusted.Load()
	hash, err := t.hash(r, trusted)
	if err != nil {
		return err
	}
	if trusted == nil {
		return t.registration(ctx, r, hash)
	}
	body, listed := trusted.Body(client, hash)
	switch {
	case hash != "" && listed && len(r.document) == 0: // some clients send an empty query with the hash
		r.document = body
		t.count(client, "known")
		return nil
	case hash != "" && listed && string(body) == string(r.document):
		t.count(client, "known")
		return nil
	case len(r.document) > 0 && trusted.Has(client, r.document):
		t.count(client, "known")
		if t.config.RequireID {
			return refused(codeIDRequired, "This document must be requested by its ID.")
		}
	case len(r.document) > 0 || hash != "":
		t.unknown(ctx, r, hash, client)
		if t.config.Require && len(r.document) > 0 {
			return refused(codePersistedRequired, "Only trusted documents are allowed, and this document is not one of them.")
		}
	}
	return t.registration(ctx, r, hash)
}

// registration resolves a hash that is not that of a trusted document.
func (t *persistedDocuments) registration(ctx context.Context, r *request, hash string) error {
	if hash == "" {
		return nil
	}
	if len(r.document) == 0 {
		if text := t.find(ctx, hash); text != nil {
			r.document = text
			return nil
		}
		return refused(codePersistedNotFound, "PersistedQueryNotFound")
	}
	sum := sha256.Sum256(r.document)
	if hex.EncodeToString(sum[:]) != hash {
		return refused(codeBadRequest, "The hash is not the SHA-256 of the document.")
	}
	if t.config.Automatic && !t.config.Require {
		r.register = hash
	}
	return nil
}

// find returns a document that a client has registered, or nil.
func (t *persistedDocuments) find(ctx context.Context, hash string) []byte {
	if t.config.Require {
		return nil
	}
	if text, ok := t.registered.Get(hash); ok {
		return text
	}
	if !t.config.Automatic {
		return nil
	}
	text := t.shared.get(ctx, hash)
	if text != nil {
		t.registered.Put(hash, text, len(hash)+len(text))
	}
	return text
}

// count counts a request for a document that is known or unknown.
func (t *persistedDocuments) count(client, result string) {
	t.metrics.TrustedDocument(client, result).Inc()
}

// unknown counts a request for a document that is not trusted, and logs each document once.
func (t *persistedDocuments) unknown(ctx context.Context, r *request, hash, client string) {
	t.count(client, "unknown")
	if !t.config.LogUnknown {
		return
	}
	of := documents.Digest(sha256.Sum256(append([]byte(hash+" "+client+" "), r.document...)))
	if _, known := t.logged.Get(of); known {
		return
	}
	t.logged.Put(of, true, 2*len(of))
	sum := sha256.Sum256(r.document)
	if hash == "" {
		hash = hex.EncodeToString(sum[:])
	}
	t.logger.WarnContext(ctx, "a client uses a document that is not trusted", "client", client, "operation", string(r.operationName), "id", hash)
}

// hash returns the hash or ID in documentId or extensions.persistedQuery, or "".
func (t *persistedDocuments) hash(r *request, trusted *documents.Set) (string, error) {
	if r.id != "" {
		return strings.TrimPrefix(r.id, "sha256:"), nil
	}
	if len(r.extensions) == 0 {
		return "", nil
	}
	var extensions struct {
		PersistedQuery *struct {
			Version    json.RawMessage
			Sha256Hash string
		}
	}
	err := json.Unmarshal(r.extensions, &extensions)
	p := extensions.PersistedQuery
	switch {
	case err != nil, p != nil && (len(p.Version) == 0 || jsonscan.KindOf(p.Version) != jsonscan.KindNumber):
		return "", invalidRequest(`extensions.persistedQuery must be an object with the number 1 as version and a string as sha256Hash.`)
	case p == nil:
		return "", nil
	case !t.config.Automatic && trusted == nil:
		return "", refused("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
	}
	// Some clients write every number with a fraction: 1.0.
	if version, ok := jsonscan.Integer(p.Version); !ok || string(version) != "1" {
		return "", invalidRequest("extensions.persistedQuery.version is %s, but only 1 is supported.", p.Version)
	}
	return strings.ToLower(p.Sha256Hash), nil
}

func refused(code, message string) error {
	return &Refusal{Status: http.StatusUnprocessableEntity, Err: &operation.Error{Message: message, Code: code}}
}
