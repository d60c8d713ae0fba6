package shop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"souk/subgraphs/internal/sample"
)

// Span is the time from the first order to the last.
const Span = 3 * 365 * 24 * time.Hour

// newestOrder is the age of the last order: whatever a service does at once
// with a new order has been done.
const newestOrder = time.Hour

// Options are the size of a shop and what its content depends on.
type Options struct {
	Seed                    uint64
	Products, Users, Orders int
	// LastProduct, LastUser and LastOrder are the highest IDs that are in use.
	// The shop takes those that follow.
	LastProduct, LastUser, LastOrder int64
	// Now is the time before which everything happened.
	Now time.Time
}

// Shop makes up products, users and orders.
type Shop struct {
	Options
	Categories []sample.Category
	kinds      []kind
}

// Check returns an error if no shop can have these options.
func (o Options) Check() error {
	if o.Products < 0 || o.Users < 0 || o.Orders < 0 {
		return fmt.Errorf("a shop cannot have %d products, %d users and %d orders", o.Products, o.Users, o.Orders)
	}
	if o.Orders > 0 && (o.Products == 0 || o.Users == 0) {
		return fmt.Errorf("%d orders need products and users to order them; there are %d products and %d users", o.Orders, o.Products, o.Users)
	}
	return nil
}

// New returns the shop with the options.
func New(o Options) (*Shop, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	store, err := sample.Load()
	if err != nil {
		return nil, err
	}
	o.Now = o.Now.UTC().Truncate(time.Second)
	return &Shop{Options: o, Categories: store.Categories, kinds: kindsOf(store.Products)}, nil
}

// The streams of random numbers.
const (
	productStream uint64 = iota + 1
	userStream
	orderStream
)

// random returns the random numbers of one row.
func (s *Shop) random(stream uint64, i int) *rand.Rand {
	return rand.New(rand.NewPCG(s.Seed, stream<<48|uint64(i)))
}

// joined returns when the i-th of n products or users came to the shop. The
// first half was there before the first order; the others came evenly since.
func (s *Shop) joined(i, n int, random *rand.Rand) time.Time {
	start := s.Now.Add(-Span)
	first := (n + 1) / 2
	if i < first {
		return start.Add(-time.Duration(random.Int64N(int64(Span) / 3)))
	}
	return start.Add(time.Duration(float64(Span-newestOrder) * float64(i-first) / float64(n-first)))
}

// present returns how many of n products or users were in the shop when the
// i-th order was placed.
func (s *Shop) present(i, n int) int {
	first := (n + 1) / 2
	return first + int(float64(n-first)*float64(i)/float64(s.Orders))
}

// popular returns a random index below n. Low ones are more frequent: the
// lower half is twice as frequent as the upper one.
func popular(random *rand.Rand, n int) int {
	return min(n-1, int(float64(n)*math.Pow(random.Float64(), 1.6)))
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// capital returns a word with an upper-case first letter.
func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
