package simulator

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"souk/subgraphs/order/payment"
)

const (
	// maxBody bounds the body of a request, in bytes.
	maxBody = 64 << 10
	// maxText bounds a key, a token and a reference, in bytes.
	maxText = 200
	// maxWait bounds how long a fault holds a call back.
	maxWait = 30 * time.Second
)

// server serves the API.
type server struct {
	book   *book
	faults faults
	key    string // the API key; empty: none is needed
	logger *slog.Logger
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /payments/{key}", s.authorize)
	mux.HandleFunc("POST /payments/{key}/capture", s.operation("capture", s.book.capture))
	mux.HandleFunc("POST /payments/{key}/void", s.operation("void", s.book.void))
	mux.HandleFunc("POST /payments/{key}/refund", s.operation("refund", s.book.refund))
	mux.HandleFunc("GET /payments/{key}", func(w http.ResponseWriter, r *http.Request) {
		p, err := s.book.get(r.Context(), r.PathValue("key"))
		s.answer(w, r, p, err)
	})
	mux.HandleFunc("GET /payments", func(w http.ResponseWriter, r *http.Request) {
		list, err := s.book.newest(r.Context())
		s.answer(w, r, list, err)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, s.faults.get(), nil) })
	mux.HandleFunc("PUT /faults", s.setFaults)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, r *http.Request) {
		s.faults.replace(nil)
		s.answer(w, r, s.faults.get(), nil)
	})
	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, map[string]string{"status": "ok"}, nil)
	})
	outer.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		s.answer(w, r, map[string]string{"status": "ready"}, s.book.db.Ping(ctx))
	})
	outer.Handle("/", s.authenticated(mux))
	return outer
}

func (s *server) authenticated(next http.Handler) http.Handler {
	want := sha256.Sum256([]byte(s.key)) // hashed, to compare in constant time
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		sent := sha256.Sum256([]byte(strings.TrimSpace(key)))
		if s.key != "" && (!strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sent[:], want[:]) != 1) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			respond(w, http.StatusUnauthorized, payment.Problem{Reason: "unauthenticated", Message: "Send Authorization: Bearer with the API key."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	var n payment.NewPayment
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&n); err != nil {
		invalid(w, "The body is not a JSON object of an authorisation: "+err.Error())
		return
	}
	for name, text := range map[string]string{"key": key, "token": n.Token, "reference": n.Reference} {
		if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			invalid(w, fmt.Sprintf("%s must be text of at most %d bytes.", name, maxText))
			return
		}
	}
	if n.Amount <= 0 || len(n.Currency) != 3 {
		invalid(w, "amount must be more than 0, in minor units, and currency an ISO 4217 code.")
		return
	}
	s.perform(w, r, "authorize", n.Reference, func(ctx context.Context) (payment.State, error) {
		return s.book.authorize(ctx, key, n)
	})
}

// operation serves a call for a payment that may exist.
func (s *server) operation(name string, do func(context.Context, string) (payment.State, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.PathValue("key")
		if len(key) > maxText || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
			invalid(w, fmt.Sprintf("key must be text of at most %d bytes.", maxText))
			return
		}
		found, err := s.book.get(r.Context(), key)
		if refused := (*payment.Refused)(nil); err != nil && !errors.As(err, &refused) {
			s.answer(w, r, nil, err)
			return
		}
		s.perform(w, r, name, found.Reference, func(ctx context.Context) (payment.State, error) { return do(ctx, key) })
	}
}

// perform carries out a call, or treats it as a fault says.
func (s *server) perform(w http.ResponseWriter, r *http.Request, operation, reference string, do func(context.Context) (payment.State, error)) {
	fault := s.faults.take(operation, reference)
	switch fault.Mode {
	case Unavailable:
		respond(w, http.StatusServiceUnavailable, payment.Problem{Reason: "unavailable", Message: "The provider is unavailable, as asked for."})
		return
	case Timeout:
		wait(r.Context(), maxWait)
		panic(http.ErrAbortHandler)
	case Silent:
		if _, err := do(context.WithoutCancel(r.Context())); err != nil {
			s.logger.InfoContext(r.Context(), "a silent call failed", "operation", operation, "error", err)
		}
		wait(r.Context(), maxWait)
		panic(http.ErrAbortHandler)
	case Late:
		wait(context.WithoutCancel(r.Context()), time.Duration(fault.Delay))
	}
	p, err := do(context.WithoutCancel(r.Context()))
	s.answer(w, r, p, err)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (s *server) setFaults(w http.ResponseWriter, r *http.Request) {
	var list []Fault
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&list); err != nil {
		invalid(w, "The body is not a JSON list of faults: "+err.Error())
		return
	}
	if len(list) > maxFaults {
		invalid(w, fmt.Sprintf("There are %d faults; at most %d are possible.", len(list), maxFaults))
		return
	}
	for i, fault := range list {
		if err := fault.validate(); err != nil {
			invalid(w, fmt.Sprintf("Fault %d: %v.", i+1, err))
			return
		}
	}
	s.faults.replace(list)
	s.answer(w, r, s.faults.get(), nil)
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	var refused *payment.Refused
	switch {
	case err == nil:
		respond(w, http.StatusOK, v)
	case errors.As(err, &refused) && refused.Status == "":
		respond(w, http.StatusNotFound, payment.Problem{Reason: refused.Reason, Message: "There is no payment with this key."})
	case errors.As(err, &refused):
		respond(w, http.StatusConflict, payment.Problem{Reason: refused.Reason, Message: refused.Error(), Status: refused.Status})
	default:
		s.logger.ErrorContext(r.Context(), "a call failed", "path", r.URL.Path, "error", err)
		respond(w, http.StatusServiceUnavailable, payment.Problem{Reason: "unavailable", Message: "The database of the payments cannot be used."})
	}
}

func invalid(w http.ResponseWriter, message string) {
	respond(w, http.StatusBadRequest, payment.Problem{Reason: "invalid", Message: message})
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
