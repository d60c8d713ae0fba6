package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"

	"souk/router/console/record"
	"souk/router/operation"
)

// An outline is an entry of the cache of templates: what documents that differ only in literals have
// in common. The second of them makes the template that the others share, with its operation and
// program. The values of their literals are variables then.
type outline struct {
	// document is that of the template. It is nil before, and if none can be made.
	document atomic.Pointer[document]
	// tried is set once it has been made, or cannot be.
	tried atomic.Bool
}

// outlineSize is the memory of an outline besides its key and its document, in bytes.
const outlineSize = 64

// A question is a request for a document by its text.
type question struct {
	text, name []byte
	client     string // whose limits apply
	// variables are those of the request. They are needed for templates only.
	variables []byte
	// general is set if the document may be that of a template.
	general bool
}

// generalises reports whether the request may use a template. Hooks and the console of a router in
// development see a document and its variables as the client sent them. Documents with files,
// those of REST routes and those that are about to be registered are used as they are, too.
func (x *exchange) generalises(req *request) bool {
	return x.hooks == nil && !x.config.Dev && x.files == nil && !req.own && req.register == "" && x.config.Caches.Templates > 0
}

// find returns the document of a request, and its variables if it is that of a template.
func (x *exchange) find(ctx context.Context, req *request, general bool) (*document, operation.Variables, bool, error) {
	key := scratch.get()
	defer scratch.put(key)
	key.Grow(len(req.document) + len(req.operationName) + 3)
	return x.snapshot.find(ctx, x.metrics, x.seen, key.Bytes(),
		question{req.document, req.operationName, x.limitedClient(), req.variables, general})
}

// hasPlace reports whether an error has places in the document.
func hasPlace(err error) bool {
	var list operation.Errors
	var one *operation.Error
	switch {
	case errors.As(err, &list):
		for _, e := range list {
			if len(e.Locations) > 0 {
				return true
			}
		}
	case errors.As(err, &one):
		return len(one.Locations) > 0
	}
	return false
}

// hash returns the SHA-256 of the document that the client sent, in hex.
func (p *prepared) hash() string {
	if p.text == nil {
		return p.document.hash
	}
	sum := sha256.Sum256(p.text)
	return hex.EncodeToString(sum[:])
}

// A sketch is the outline of a document with its literals.
type sketch struct {
	key      []byte
	literals []operation.Literal
	known    *outline // nil the first time
}

// sketch outlines a document that is not in the cache, in the memory of k. It returns nil if the
// document has no literals.
func (s *snapshot) sketch(k *sketch, q question, of limitedSchema) *sketch {
	var ok bool
	k.key, k.literals, ok = operation.Outline(k.key[:0], q.text, k.literals[:0])
	if !ok {
		return nil
	}
	k.key = append(append(k.key, 0), q.name...)
	if len(s.limitedSchemas) > 0 {
		k.key = binary.BigEndian.AppendUint16(k.key, of.number)
	}
	k.known, _ = s.templates.Get(view(k.key))
	return k
}

// A sketchPool keeps the memory of sketches that nobody uses any more.
type sketchPool struct{ pool sync.Pool }

// sketches are for the documents of any snapshot. A pool of a snapshot would keep it in memory until the
// second garbage collection after its last request.
var sketches sketchPool

// maxSketch is the size of the key of a sketch that is kept, in bytes.
const maxSketch = 16 << 10

func (p *sketchPool) get() *sketch {
	if k, ok := p.pool.Get().(*sketch); ok {
		return k
	}
	return &sketch{}
}

func (p *sketchPool) put(k *sketch) {
	if cap(k.key) <= maxSketch {
		clear(k.literals) // they are parts of a request
		k.known = nil
		p.pool.Put(k)
	}
}

// share returns the document of the template, and the variables of a request for it. It returns nil
// if there is none.
func (k *sketch) share(q question) (*document, operation.Variables) {
	if k == nil || k.known == nil {
		return nil, nil
	}
	d := k.known.document.Load()
	if d == nil {
		return nil, nil
	}
	vars, ok := d.template.Variables(q.variables, k.literals)
	if !ok {
		return nil, nil
	}
	return d, vars
}

// note records a document that has been parsed, in the hope of others with the same outline. The
// second one makes the template.
func (s *snapshot) note(k *sketch, d *document) {
	switch {
	case k == nil || len(d.Exceeded()) > 0:
	case k.known == nil:
		s.templates.Put(string(k.key), &outline{}, len(k.key)+outlineSize)
	default:
		s.generalise(k.known, string(k.key), k.literals, d)
	}
}

// generalise makes the template of documents like d, unless that has been tried.
func (s *snapshot) generalise(o *outline, key string, literals []operation.Literal, d *document) {
	if o.tried.Swap(true) {
		return
	}
	t := d.Template(d.text, literals)
	if t == nil {
		return
	}
	made := &document{
		Document: t.Document, template: t, key: key, text: d.text, name: d.name, hash: d.hash, limits: d.limits, described: d.described,
	}
	made.redacted.Store(d.redacted.Load())
	made.base = int(unsafe.Sizeof(*made)) + len(key) + outlineSize + t.Size() + len(d.text)
	o.document.Store(made)
	s.templates.Reweigh(key, made.base)
}

// inherit returns the document of this snapshot for one of an earlier snapshot.
func (s *snapshot) inherit(ctx context.Context, m *metrics, d *document) (*document, error) {
	q := question{text: []byte(d.text), name: []byte(d.name), client: d.limits}
	again, _, _, err := s.find(ctx, m, nil, nil, q)
	if err != nil || d.template == nil || len(again.Exceeded()) > 0 {
		return again, err
	}
	k := s.sketch(&sketch{}, q, s.limited(q.client))
	if k == nil {
		return again, nil
	}
	if k.known == nil {
		k.known = s.templates.Put(string(k.key), &outline{}, len(k.key)+outlineSize)
	}
	s.generalise(k.known, string(k.key), k.literals, again)
	if general := k.known.document.Load(); general != nil {
		return general, nil
	}
	return again, nil
}

// find returns the document of a request, from a cache or by parsing and validating it within the
// limits of a client. It reports whether it was cached. The variables are those of the request if
// the document is that of a template, and otherwise nil. key is scratch space, so that a cache hit
// does not allocate. seen may be nil.
func (s *snapshot) find(ctx context.Context, m *metrics, seen *record.Operation, key []byte, q question) (*document, operation.Variables, bool, error) {
	schema := s.limited(q.client)
	key = s.documentKey(key[:0], q.text, q.name, schema)
	if d, ok := s.documents.Get(view(key)); ok {
		m.documentHits.Inc()
		return d, nil, true, nil
	}
	var k *sketch
	if q.general {
		memory := sketches.get()
		defer sketches.put(memory)
		k = s.sketch(memory, q, schema)
		if d, vars := k.share(q); d != nil {
			m.documentHits.Inc()
			return d, vars, true, nil
		}
	}
	m.documentMisses.Inc()
	d, err := s.parseDocument(ctx, seen, string(key), q, schema, k)
	if err != nil {
		return nil, nil, false, err
	}
	return d, nil, false, nil
}
