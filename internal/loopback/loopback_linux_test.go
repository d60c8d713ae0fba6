package loopback_test

import (
	"context"
	"net"
	"testing"

	"souk/internal/loopback"
)

// count is large enough that a port without a reservation would be given twice.
const count = 1000

func TestAddressesAreReserved(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	given := map[string]bool{}
	for range count {
		address, err := loopback.Address(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if given[address] {
			t.Fatalf("%s is given twice", address)
		}
		given[address] = true
	}
	for range count / 4 {
		l, err := loopback.Listen(ctx, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if address := l.Addr().String(); given[address] {
			t.Fatalf("%s is given twice", address)
		}
	}
}

// A program listens on its address, ends with a connection and starts again, also when the
// reservation has ended.
func TestProgramsListenOnReservedAddresses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address, err := loopback.Address(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("somebody listens before the program does")
	}
	for range 3 {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, l)
		cancel()
	}
}

// exchange accepts and ends a connection, and closes the listener.
func exchange(t *testing.T, l net.Listener) {
	t.Helper()
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("got a byte that was not sent")
	}
}

// What listens gives its port to a later program, as souk dev does.
func TestPortsOfListenersCanBeUsedAgain(t *testing.T) {
	l, err := loopback.Listen(t.Context(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, l)
	next, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	next.Close()
}
