package documents

import (
	"fmt"

	"souk/internal/bytecache"
)

// A Document is an entry of a list.
type Document struct {
	// ID identifies the document for clients.
	ID string
	// Body is the text, with all fragments that it uses.
	Body string
	// Name is that of the operation, and Type is query, mutation or subscription. They may
	// be empty.
	Name, Type string
	// Client is the only client that may use the document. If it is empty, all may.
	Client string
	// File is where the document is from, for messages.
	File string
}

type clientID struct{ client, id string }

// A Set has the documents that are trusted. It is safe for concurrent use.
type Set struct {
	list   []Document
	bodies map[clientID][]byte
	// clients has the clients of each text, by its digest, and normal those of each normal form.
	clients, normal map[Digest]map[string]bool
	// normals are the digests of the normal forms of recent texts.
	normals *bytecache.Cache[string, Digest]
	tokens  int
}

// recentBytes bounds the memory for the normal forms of recent texts.
const recentBytes = 1 << 20

// NewSet returns the set of some documents. tokens bounds the documents of clients that are
// compared by their normal form; 0 means no bound. It fails if an ID has two texts.
func NewSet(list []Document, tokens int) (*Set, error) {
	s := &Set{
		list:   list,
		bodies: map[clientID][]byte{}, clients: map[Digest]map[string]bool{}, normal: map[Digest]map[string]bool{},
		normals: bytecache.New[string, Digest](recentBytes, bytecache.Observer{}), tokens: tokens,
	}
	for _, d := range list {
		key := clientID{d.Client, d.ID}
		if known, ok := s.bodies[key]; ok && string(known) != d.Body {
			return nil, fmt.Errorf("%s: the ID %q has two documents; give each document an ID of its own", d.File, d.ID)
		}
		s.bodies[key] = []byte(d.Body)
		add(s.clients, digest(d.Body), d.Client)
		if normal, err := Normal(d.Body, 0); err == nil { // others match only as they are
			add(s.normal, digest(normal), d.Client)
		}
	}
	return s, nil
}

func add(to map[Digest]map[string]bool, of Digest, client string) {
	if to[of] == nil {
		to[of] = map[string]bool{}
	}
	to[of][client] = true
}

// List returns the documents, in the order of their files. The caller must not change them.
func (s *Set) List() []Document { return s.list }

// Len returns the number of documents.
func (s *Set) Len() int { return len(s.bodies) }

// Body returns the document with an ID for a client.
func (s *Set) Body(client, id string) ([]byte, bool) {
	if body, ok := s.bodies[clientID{client, id}]; ok {
		return body, true
	}
	body, ok := s.bodies[clientID{"", id}]
	return body, ok
}

// Has reports whether a text is a trusted document for a client, or differs from one only in
// ignored tokens (GraphQL specification, section 2.1.7) and the order of definitions.
func (s *Set) Has(client string, text []byte) bool {
	if allowed(s.clients[digest(string(text))], client) {
		return true
	}
	if len(s.normal) == 0 {
		return false
	}
	of, known := s.normals.Get(string(text))
	if !known {
		normal, err := Normal(string(text), s.tokens)
		if err == nil {
			of = digest(normal)
		}
		s.normals.Put(string(text), of, len(text)+len(of))
	}
	return allowed(s.normal[of], client)
}

func allowed(clients map[string]bool, client string) bool { return clients[client] || clients[""] }
