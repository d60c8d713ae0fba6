//go:build unix

package hostile_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An attack is a number of hostile clients with the same behaviour.
type attack struct {
	name    string
	clients int
	// prepare returns what one of the clients does in turn n. Responses are ignored.
	// Expensive inputs, such as a large body, are prepared in advance.
	prepare func() func(c *client, n int)
}

// An order describes the attack to a process of attackers.
type order struct {
	Suite, Attack, Address string
	// Turns is the number of turns of each client, Length the time for all of them.
	Turns  int
	Length time.Duration
}

// A client is one hostile client.
type client struct {
	address string
	ctx     context.Context
	http    *http.Client
	held    []net.Conn // connections kept open until the attack ends
	did     deeds
}

// elsewhere dials from the attackers' address, which differs from that of the
// well-behaved client.
var elsewhere = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Control: func(_, _ string, c syscall.RawConn) (err error) {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT of Linux: one port serves many peers
	if controlErr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
	}); controlErr != nil {
		return controlErr
	}
	return err
}}

// Deeds counts what attackers have done.
type deeds struct {
	Turns int
	// Answers count the responses by their status codes.
	Answers map[int]int
}

func (d *deeds) add(more deeds) {
	d.Turns += more.Turns
	for status, n := range more.Answers {
		d.Answers[status] += n
	}
}

// send sends a body in pieces without copying them.
func (c *client) send(method, path string, body []string, headers ...string) {
	readers, length := make([]io.Reader, len(body)), 0
	for i, piece := range body {
		readers[i] = strings.NewReader(piece)
		length += len(piece)
	}
	r, err := http.NewRequestWithContext(c.ctx, method, "http://"+c.address+path, io.MultiReader(readers...))
	if err != nil {
		return
	}
	if r.ContentLength = int64(length); length == 0 {
		r.Body = http.NoBody
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if response, err := c.http.Do(r); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		c.did.Answers[response.StatusCode]++
	}
}

// post sends a GraphQL request.
func (c *client) post(body ...string) { c.send(http.MethodPost, "/graphql", body) }

// raw sends bytes on a new connection, which stays open and is not read.
func (c *client) raw(text string) net.Conn {
	conn, err := elsewhere.DialContext(c.ctx, "tcp", c.address)
	if err != nil {
		return nil
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, text)
	if c.held = append(c.held, conn); len(c.held) > 200 {
		_ = c.held[0].Close()
		c.held = c.held[1:]
	}
	return conn
}

// attackNow is the main function of an attacker process.
func attackNow(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, "reading the order:", err)
		return 1
	}
	all := suites[o.Suite]()
	i := slices.IndexFunc(all, func(a attack) bool { return a.name == o.Attack })
	if i < 0 {
		fmt.Fprintln(os.Stderr, "no attack", o.Attack)
		return 1
	}
	a := all[i]
	run, each := a.prepare(), make([]deeds, a.clients)
	fmt.Println("ready")
	ctx, cancel := context.WithTimeout(context.Background(), o.Length)
	defer cancel()
	var attacking sync.WaitGroup
	for i := range each {
		attacking.Go(func() { each[i] = attackAs(ctx, i, run, o) })
	}
	attacking.Wait()
	sum := deeds{Answers: map[int]int{}}
	for _, did := range each {
		sum.add(did)
	}
	fmt.Println(quoted(sum))
	return 0
}

// attackAs runs one of the clients.
func attackAs(ctx context.Context, i int, run func(*client, int), o order) deeds {
	c := &client{address: o.Address, ctx: ctx, did: deeds{Answers: map[int]int{}}, http: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 1, DialContext: elsewhere.DialContext,
	}}}
	defer c.http.CloseIdleConnections()
	for c.did.Turns < o.Turns && ctx.Err() == nil {
		run(c, i*1_000_000+c.did.Turns)
		c.did.Turns++
	}
	if len(c.held) > 0 {
		<-ctx.Done() // the open connections are the attack
	}
	for _, conn := range c.held {
		_ = conn.Close()
	}
	return c.did
}

// attacked runs attackers in another process while it calls during, waits for them, and
// returns what they did. They have the lowest priority: real attackers run on
// other machines, and take no time from the process under attack.
func attacked(t *testing.T, o order, during func(ended <-chan struct{})) (did deeds) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), runAttack+"="+string(text))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // see endWithParent
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() {
		// A child process inherits the priority of the thread that starts it. The thread
		// ends with the goroutine, because that stays locked to it.
		runtime.LockOSThread()
		err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(stdout)
	if _, err := output.ReadString('\n'); err != nil {
		t.Errorf("starting the attackers: %v", err)
	}
	ended := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer close(ended)
		if err := json.NewDecoder(output).Decode(&did); err != nil && t.Context().Err() == nil {
			t.Errorf("the attackers do not exit: %v", err)
		}
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("attackers: %v", err)
		}
	})
	during(ended)
	waiting.Wait()
	return did
}
