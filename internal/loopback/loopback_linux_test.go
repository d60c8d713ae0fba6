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
		address, err := loopback.Address(ctx, loopback.Host)
		if err != nil {
			t.Fatal(err)
		}
		if given[address] {
			t.Fatalf("%s is given twice", address)
		}
		given[address] = true
	}
}

// A program listens on its address, ends with a connection and starts again, also when the
// reservation has ended.
func TestProgramsListenOnReservedAddresses(t *testing.T) {
	for _, host := range []string{loopback.Host, "localhost", "", "0.0.0.0"} {
		t.Run(host, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			address, err := loopback.Address(ctx, host)
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
		})
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
