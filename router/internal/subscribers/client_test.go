//go:build unix

package subscribers_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The environment variables that make the test program a client.
const clientAddress, clientProtocol, clientCount = "SUBSCRIBERS_ADDRESS", "SUBSCRIBERS_PROTOCOL", "SUBSCRIBERS_COUNT"

func TestMain(m *testing.M) {
	if address := os.Getenv(clientAddress); address != "" {
		if err := runClient(address, os.Getenv(clientProtocol), os.Getenv(clientCount)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// dials bounds the connections that are being opened.
const dials = 64

// runClient opens subscriptions, prints "open", waits until all have the event, prints "got", and
// ends with its standard input.
func runClient(address, protocol, text string) error {
	count, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	opening := make(chan struct{}, dials)
	opened, got := make(chan error, count), make(chan error, count)
	var all sync.WaitGroup
	for range count {
		opening <- struct{}{}
		all.Go(func() {
			conn, err := subscribe(address, protocol)
			<-opening
			opened <- err
			if err == nil {
				got <- await(conn)
			}
		})
	}
	for range count {
		if err := <-opened; err != nil {
			return err
		}
	}
	fmt.Println("open")
	for range count {
		if err := <-got; err != nil {
			return err
		}
	}
	fmt.Println("got")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

const operation = `{"query":"subscription { ticks }"}`

// streams are the protocols other than WebSocket: what a client accepts, and what the router sends
// first.
var streams = map[string]struct{ accept, begin string }{
	"sse":       {accept: "text/event-stream", begin: ":\n\n"},
	"multipart": {accept: `multipart/mixed;boundary="graphql";subscriptionSpec=1.0`, begin: "\r\n--graphql"},
}

// subscribe opens a subscription and waits until the router has accepted it.
func subscribe(address, protocol string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if s, ok := streams[protocol]; ok {
		_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAccept: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, s.accept, len(operation), operation)
		if err != nil {
			return nil, err
		}
		return conn, readUntil(conn, s.begin)
	}
	_, err = fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n", address)
	if err != nil {
		return nil, err
	}
	if err := readUntil(conn, "\r\n\r\n"); err != nil {
		return nil, err
	}
	if _, err := conn.Write(frame(`{"type":"connection_init"}`)); err != nil {
		return nil, err
	}
	if err := readUntil(conn, "connection_ack"); err != nil {
		return nil, err
	}
	// A pong after the subscription says that the router has read it.
	_, err = conn.Write(append(frame(`{"id":"1","type":"subscribe","payload":`+operation+`}`), frame(`{"type":"ping"}`)...))
	if err != nil {
		return nil, err
	}
	return conn, readUntil(conn, `"pong"`)
}

// frame returns a text frame (RFC 6455, section 5.2) with a masking key of zeros.
func frame(text string) []byte {
	out := []byte{0x81, 0x80 | byte(len(text))}
	if len(text) > 125 {
		out = binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	}
	return append(append(out, 0, 0, 0, 0), text...)
}

// readUntil reads byte by byte, so that nothing is read ahead.
func readUntil(conn net.Conn, end string) error {
	var read []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(read, []byte(end)) {
		if _, err := conn.Read(one); err != nil {
			return fmt.Errorf("after %q: %w", read, err)
		}
		if read = append(read, one[0]); len(read) > 4<<10 {
			return fmt.Errorf("no %q in %q", end, read)
		}
	}
	return nil
}

// await waits for the event. Heartbeats of WebSockets stay unanswered.
func await(conn net.Conn) error {
	lines := bufio.NewReaderSize(conn, 256)
	var read strings.Builder
	for {
		b, err := lines.ReadByte()
		if err != nil {
			return fmt.Errorf("waiting for the event: %w", err)
		}
		read.WriteByte(b)
		if b == '}' && strings.Contains(read.String(), `"ticks":1`) {
			return nil
		}
	}
}
