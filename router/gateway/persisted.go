package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"souk/internal/blocking"
	"souk/internal/bytecache"
	"souk/router/gateway/config"
	"souk/router/internal/jsonscan"
	"souk/router/operation"
	"souk/router/telemetry"
)

// persistedDocuments holds the documents that clients can identify by hash.
type persistedDocuments struct {
	config config.PersistedDocuments
	// listed has the documents of the file, by SHA-256 in hex or by the ID in the
	// manifest. texts has the same documents by their text.
	listed map[string][]byte
	texts  map[string]bool
	// registered has the documents from clients (automatic persisted queries), by hash.
	registered *bytecache.Cache[string, []byte]
}

// loadPersistedDocuments reads the file of trusted documents. registeredBytes bounds the memory
// for documents that clients register.
func loadPersistedDocuments(ctx context.Context, c config.PersistedDocuments, registeredBytes int, m *telemetry.Cache) (*persistedDocuments, error) {
	t := &persistedDocuments{config: c, listed: map[string][]byte{}, texts: map[string]bool{}, registered: bytecache.New[string, []byte](registeredBytes, observer(m))}
	if c.Path == "" {
		return t, nil
	}
	data, err := blocking.Call(ctx, func() ([]byte, error) { return os.ReadFile(c.Path) })
	if err != nil {
		return nil, fmt.Errorf("reading persisted_documents.path: %w", err)
	}
	data = jsonscan.TrimMark(data)
	var manifest struct {
		Operations []struct{ ID, Body string }
	}
	plain := map[string]string{}
	if json.Unmarshal(data, &manifest) == nil && manifest.Operations != nil {
		for _, o := range manifest.Operations {
			plain[o.ID] = o.Body
		}
	} else if err := json.Unmarshal(data, &plain); err != nil {
		return nil, fmt.Errorf("reading the persisted documents in %s: %w; the file must be a JSON object that maps hashes to documents, or a manifest with operations", c.Path, err)
	}
	for id, text := range plain {
		t.listed[strings.TrimPrefix(id, "sha256:")] = []byte(text)
		t.texts[text] = true
	}
	return t, nil
}

const codePersistedNotFound = "PERSISTED_QUERY_NOT_FOUND"

// register stores a document for clients that later send only its hash. It is called
// after the document has been validated, so that invalid documents take no memory.
func (t *persistedDocuments) register(hash string, d *document) {
	if _, known := t.registered.Get(hash); !known {
		t.registered.Put(hash, []byte(d.text), len(hash)+len(d.text))
	}
}

// resolve fills in the document of a request that has only a hash. If the request has
// both, it checks that they match. With Require, it rejects untrusted documents.
func (t *persistedDocuments) resolve(r *request) error {
	hash, err := t.hash(r)
	if err != nil {
		return err
	}
	switch {
	case hash == "" && t.config.Require && !t.texts[string(r.document)]:
		return refused("PERSISTED_QUERY_REQUIRED", "Only trusted documents are allowed, and this document is not one of them.")
	case hash == "":
		return nil
	case len(r.document) == 0: // some clients send an empty query with the hash
		if text, ok := t.listed[hash]; ok {
			r.document = text
			return nil
		}
		if text, ok := t.registered.Get(hash); ok && !t.config.Require {
			r.document = text
			return nil
		}
		return refused(codePersistedNotFound, "PersistedQueryNotFound")
	}
	sum := sha256.Sum256(r.document)
	if hex.EncodeToString(sum[:]) != hash {
		return refused(codeBadRequest, "The hash is not the SHA-256 of the document.")
	}
	if t.config.Require && t.listed[hash] == nil {
		return refused("PERSISTED_QUERY_REQUIRED", "Only trusted documents are allowed, and this document is not one of them.")
	}
	if t.config.Automatic && t.listed[hash] == nil {
		r.register = hash
	}
	return nil
}

// hash returns the hash or ID in documentId or extensions.persistedQuery, or "".
func (t *persistedDocuments) hash(r *request) (string, error) {
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
	case !t.config.Automatic && len(t.listed) == 0:
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
