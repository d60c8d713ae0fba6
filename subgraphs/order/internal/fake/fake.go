// Package fake provides fakes of the services that the order service calls, for
// tests. They answer its GraphQL requests over real HTTP from memory, as the
// real services do, and a test can make them fail. TestOrdersWithTheRealServices in
// package order runs the same operations against the real services.
package fake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Failure is how a fake responds to a request.
type Failure int

// A fake responds, is unavailable, or carries out the request but sends no
// response. The silent failures keep the client waiting until it leaves, before
// or after they carry out the request.
const (
	Respond Failure = iota
	Unavailable
	NoResponse
	SilentBefore
	SilentAfter
)

// fakeService is what all fakes share.
type fakeService struct {
	URL string

	mu    sync.Mutex
	fail  func(operation string) Failure
	calls []string
}

// silent, in place of a status, means that no response is sent.
const silent = 0

type object = map[string]any

type request struct {
	OperationName string `json:"operationName"`
	Variables     struct {
		OrderID    string            `json:"orderId"`
		ID         string            `json:"id"`
		Lines      []line            `json:"lines"`
		References []json.RawMessage `json:"references"`
	} `json:"variables"`
}

type line struct {
	ProductID string `json:"productId"`
	Quantity  int    `json:"quantity"`
}

// serve starts the server. It calls answer under the service's lock.
func (s *fakeService) serve(t testing.TB, answer func(request) object) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q request
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Errorf("the request cannot be read: %v", err)
		}
		status, data := s.handle(q, answer)
		if status == silent {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(object{"data": data}); err != nil {
			t.Errorf("answering %s: %v", q.OperationName, err)
		}
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
}

func (s *fakeService) handle(q request, answer func(request) object) (int, object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, q.OperationName)
	failure := Respond
	if s.fail != nil {
		failure = s.fail(q.OperationName)
	}
	if failure == Unavailable {
		return http.StatusServiceUnavailable, nil
	}
	if failure == SilentBefore {
		return silent, nil
	}
	data := answer(q)
	switch failure {
	case NoResponse:
		return http.StatusBadGateway, nil
	case SilentAfter:
		return silent, nil
	}
	return http.StatusOK, data
}

// Fail sets the function that decides how requests are treated. It runs under
// the service's lock.
func (s *fakeService) Fail(fail func(operation string) Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// Calls returns the names of the operations received so far.
func (s *fakeService) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Users is a fake user service.
type Users struct{ fakeService }

// NewUsers starts a user service with the given users.
func NewUsers(t testing.TB, ids ...string) *Users {
	t.Helper()
	s := &Users{}
	s.serve(t, func(q request) object {
		if slices.Contains(ids, q.Variables.ID) {
			return object{"user": object{"id": q.Variables.ID}}
		}
		return object{"user": nil}
	})
	return s
}

// Product is a product of a fake product service.
type Product struct {
	Name     string
	Price    int64
	Currency string
	Retired  bool
}

// Products is a fake product service.
type Products struct{ fakeService }

// NewProducts starts a product service with the given products, by ID.
func NewProducts(t testing.TB, products map[string]Product) *Products {
	t.Helper()
	s := &Products{}
	s.serve(t, func(q request) object {
		entities := make([]any, len(q.Variables.References))
		for i, reference := range q.Variables.References {
			var key struct{ ID string }
			if err := json.Unmarshal(reference, &key); err != nil {
				t.Errorf("the reference %s: %v", reference, err)
			}
			if p, ok := products[key.ID]; ok {
				entities[i] = object{
					"__typename": "Product", "id": key.ID, "name": p.Name, "retired": p.Retired,
					"price": object{"minorUnits": p.Price, "currency": p.Currency},
				}
			}
		}
		return object{"_entities": entities}
	})
	return s
}
