package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"souk/internal/processgroup"
	"souk/internal/processtime"
)

const (
	// productCount is the number of products that are ordered in turn, and
	// stockOfEach the units that each has. The store cannot sell as many in time.
	productCount = 50
	stockOfEach  = 1_000_000
	// userCount is the number of customers, who are among the sample data.
	userCount = 2
	// endTimeout bounds how long a store may take to stop.
	endTimeout = 30 * time.Second
)

// A store is a running `souk dev`.
type store struct {
	name     string // of the program, for the table
	address  string // of the router
	process  *exec.Cmd
	end      context.CancelFunc // asks the process to end
	products []string           // IDs
	next     atomic.Int64
}

// place matches the line of the welcome with the URL of the router.
var place = regexp.MustCompile(`http://(\S+)/\s+the playground`)

// unknownFlag matches what a build without a flag says.
var unknownFlag = regexp.MustCompile(`unknown flag: \S+`)

func startStore(ctx context.Context, program, dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating a directory for data: %w", err)
	}
	s := &store{name: filepath.Base(program)}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	s.end = end
	s.process = exec.CommandContext(running, program, "dev", "--listen", "127.0.0.1:0", "--dir", dir, "--ship-after", "0", "--deliver-after", "0", "--log-level", "error")
	processgroup.Own(s.process) // Ctrl-C is for this process, which stops it
	s.process.WaitDelay = endTimeout
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting souk dev: %w", err)
	}
	s.process.Stderr = s.process.Stdout
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("starting souk dev: %w", err)
	}
	if err = s.awaitAddress(out); err == nil {
		err = s.fill(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// awaitAddress reads the output until it has the address of the router. The
// rest of the output is read and dropped.
func (s *store) awaitAddress(out io.Reader) error {
	lines := bufio.NewScanner(out)
	var text strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&text, lines.Text())
		if found := place.FindStringSubmatch(lines.Text()); found != nil {
			s.address = found[1]
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return nil
		}
	}
	if unknown := unknownFlag.FindString(text.String()); unknown != "" {
		return fmt.Errorf("%s: this build of souk dev lacks a flag that every store here is started with (%s): --ship-after and --deliver-after turn off what follows an order; compare with a build that has them", s.name, unknown)
	}
	return fmt.Errorf("%s: souk dev ended: %s", s.name, text.String())
}

// fill creates the products to order.
func (s *store) fill(ctx context.Context) error {
	for i := range productCount {
		body := fmt.Sprintf(`{"name":"Product %d","price":%d.99,"stock":%d}`, i, i+1, stockOfEach)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/api/products", bytes.NewReader([]byte(body)))
		if err != nil {
			return fmt.Errorf("creating a product: %w", err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("creating a product: %w", err)
		}
		var product struct{ ID json.Number }
		err = json.NewDecoder(response.Body).Decode(&product)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusCreated {
			return fmt.Errorf("creating a product: status %d, %w", response.StatusCode, err)
		}
		s.products = append(s.products, product.ID.String())
	}
	return nil
}

// used returns what the store's process and its descendants, such as Postgres, have used of the
// processors.
func (s *store) used() (time.Duration, error) {
	used, _, err := processtime.Of(s.process.Process.Pid)
	return used, err
}

// order returns the HTTP request of another order.
func (s *store) order() []byte {
	n := s.next.Add(1)
	body := fmt.Sprintf(`{"query":"mutation Overload($user: ID!, $product: ID!, $key: String!) { placeOrder(input: {userId: $user, lines: [{productId: $product, quantity: 1}], idempotencyKey: $key}) { __typename ... on OrderPayload { order { id status } } } }","variables":{"user":"%d","product":"%s","key":"overload-%d"}}`,
		1+n%userCount, s.products[n%productCount], n)
	return fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.address, len(body), body)
}

// stop stops the store and waits for it to end.
func (s *store) stop() error {
	s.end()
	defer processgroup.Kill(s.process)
	if err := s.process.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopping souk dev: %w", err)
	}
	return nil
}
