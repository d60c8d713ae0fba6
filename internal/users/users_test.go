package users_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"souk/internal/users"
)

func TestTheLastUserEndsIt(t *testing.T) {
	ended := 0
	c := users.New(func() { ended++ })
	if c.Busy() {
		t.Error("it is busy without users")
	}
	first, second := c.Enter(), c.Enter()
	if first == nil || second == nil || !c.Busy() {
		t.Fatal("nobody may enter")
	}
	first.Leave()
	c.Close()
	if c.Enter() != nil {
		t.Error("somebody entered after Close")
	}
	if ended != 0 || !c.Busy() {
		t.Error("it has ended with a user")
	}
	second.Leave()
	if ended != 1 || c.Busy() {
		t.Errorf("the last user has ended it %d times", ended)
	}
	c.Close()
	if ended != 1 {
		t.Errorf("it has ended %d times", ended)
	}
}

func TestItEndsWithoutUsers(t *testing.T) {
	ended := 0
	c := users.New(func() { ended++ })
	c.Enter().Leave()
	if ended != 0 {
		t.Error("it has ended before Close")
	}
	if c.Close(); ended != 1 {
		t.Errorf("it has ended %d times", ended)
	}
}

// Whoever has entered finds it in use, and it ends once.
func TestConcurrentUsers(t *testing.T) {
	for range 300 {
		var ended atomic.Int32
		c := users.New(func() { ended.Add(1) })
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 50 {
					s := c.Enter()
					if s == nil {
						return
					}
					if ended.Load() != 0 {
						t.Error("it has ended while it is used")
					}
					s.Leave()
				}
			})
		}
		all.Go(c.Close)
		all.Wait()
		if n := ended.Load(); n != 1 {
			t.Fatalf("it has ended %d times", n)
		}
	}
}
