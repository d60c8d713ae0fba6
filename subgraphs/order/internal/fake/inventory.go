package fake

import (
	"maps"
	"slices"
	"testing"
)

// Inventory is a fake inventory service.
type Inventory struct {
	fakeService
	available    map[string]int
	reservations map[string]*reservation
}

type reservation struct {
	status string
	lines  []line
}

// NewInventory starts an inventory service with the given units, by product
// ID.
func NewInventory(t testing.TB, units map[string]int) *Inventory {
	t.Helper()
	s := &Inventory{available: maps.Clone(units), reservations: map[string]*reservation{}}
	s.serve(t, func(q request) object {
		switch q.OperationName {
		case "ReserveStock":
			return object{"reserveStock": s.reserve(q.Variables.OrderID, q.Variables.Lines)}
		case "CommitReservation":
			return object{"commitReservation": s.commit(q.Variables.OrderID)}
		case "ReleaseReservation":
			return object{"releaseReservation": s.release(q.Variables.OrderID)}
		case "FindReservation":
			if r := s.reservations[q.Variables.OrderID]; r != nil {
				return object{"reservation": object{"status": r.status}}
			}
			return object{"reservation": nil}
		}
		t.Errorf("inventory has no operation %q", q.OperationName)
		return nil
	})
	return s
}

func (s *Inventory) reserve(order string, lines []line) object {
	r := s.reservations[order]
	switch {
	case r == nil || r.status == "EXPIRED":
	case r.status == "RELEASED":
		return object{"__typename": "Conflict", "message": "released"}
	case !slices.Equal(r.lines, lines):
		return object{"__typename": "Conflict", "message": "other lines"}
	default:
		return r.answer()
	}
	var short []object
	for _, l := range lines {
		if s.available[l.ProductID] < l.Quantity {
			short = append(short, object{"productId": l.ProductID, "requested": l.Quantity, "available": s.available[l.ProductID]})
		}
	}
	if short != nil {
		return object{"__typename": "OutOfStock", "message": "not enough", "shortages": short}
	}
	r = &reservation{status: "HELD", lines: lines}
	s.reservations[order] = r
	s.move(r, -1)
	return r.answer()
}

func (s *Inventory) commit(order string) object {
	r := s.reservations[order]
	switch {
	case r == nil:
		return object{"__typename": "NotFound", "message": "no reservation"}
	case r.status == "RELEASED" || r.status == "EXPIRED":
		return object{"__typename": "Conflict", "message": "it is " + r.status}
	}
	r.status = "COMMITTED"
	return r.answer()
}

func (s *Inventory) release(order string) object {
	r := s.reservations[order]
	if r == nil {
		return object{"__typename": "NotFound", "message": "no reservation"}
	}
	if r.status == "HELD" || r.status == "COMMITTED" {
		s.move(r, 1)
	}
	r.status = "RELEASED"
	return r.answer()
}

func (s *Inventory) move(r *reservation, sign int) {
	for _, l := range r.lines {
		s.available[l.ProductID] += sign * l.Quantity
	}
}

func (r *reservation) answer() object {
	return object{"__typename": "Reservation", "status": r.status}
}

// Expire ends the hold of an order.
func (s *Inventory) Expire(order string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reservations[order]
	s.move(r, 1)
	r.status = "EXPIRED"
}

// Available returns how many units of a product are neither held nor sold.
func (s *Inventory) Available(product string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.available[product]
}

// Status returns the status of an order's reservation, or "" if it has none.
func (s *Inventory) Status(order string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.reservations[order]; r != nil {
		return r.status
	}
	return ""
}
