package dev_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/dev"
)

// 200 buyers compete for 50 units while the order service is killed and restarted.
// Each buyer retries until the order is accepted or rejected.
func TestBuyersRaceForStock(t *testing.T) {
	const buyers, units = 200, 50
	store := open(t, dev.Options{})
	product := store.newProduct(t, "The last of its kind", units)
	users := make([]string, buyers)
	for i := range users {
		users[i] = store.newUser(t, fmt.Sprintf("buyer%d", i))
	}
	if err := store.StopService("order"); err != nil {
		t.Fatal(err)
	}
	binary := buildSouk(t)
	process := startOrders(t, store, binary)

	outcomes := make(chan string, buyers)
	var done sync.WaitGroup
	for i := range buyers {
		done.Go(func() { outcomes <- store.buyUntilAnswered(t, users[i], product) })
	}
	decided := map[string]int{}
	for i := range buyers {
		decided[<-outcomes]++
		if i == 20 || i == 60 {
			process.kill(t)
			process = startOrders(t, store, binary)
		}
	}
	done.Wait()
	if decided["OrderPayload"] != units || decided["OutOfStock"] != buyers-units {
		t.Errorf("got %v, want %d orders and the rest out of stock", decided, units)
	}
	store.checkOrdersAreWhole(t, product, units)
}

// mostTries ends a test whose store does not recover, after ten minutes.
const mostTries = 6000

// buyUntilAnswered repeats one purchase, with its idempotency key, until the store
// accepts or rejects it.
func (s *store) buyUntilAnswered(t *testing.T, user, product string) string {
	body, err := json.Marshal(map[string]any{"query": placeOrder, "variables": map[string]any{"input": map[string]any{
		"userId": user, "lines": []any{map[string]any{"productId": product, "quantity": 1}}, "idempotencyKey": "race-" + user,
	}}})
	if err != nil {
		return err.Error()
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last string
	for range mostTries {
		got := s.call(t.Context(), http.MethodPost, "/graphql", string(body))
		last = string(got.body)
		var out struct {
			Data struct {
				PlaceOrder struct {
					Typename string `json:"__typename"`
				} `json:"placeOrder"`
			} `json:"data"`
		}
		if json.Unmarshal(got.body, &out) == nil {
			switch typename := out.Data.PlaceOrder.Typename; typename {
			case "OrderPayload", "OutOfStock":
				return typename
			}
		}
		<-tick.C // the service is down or busy: retry
	}
	return "never answered: " + last
}

// checkOrdersAreWhole checks everything that the orders changed.
func (s *store) checkOrdersAreWhole(t *testing.T, product string, units int) {
	t.Helper()
	const query = `query($product: ID!, $after: String) {
	  stock(productId: $product) { onHand reserved sold }
	  orders(first: 100, after: $after) {
	    nodes { id status user { username } lines { product { id } quantity } history { type } notifications { id status } }
	    pageInfo { hasNextPage endCursor }
	  }
	}`
	type order struct {
		ID     string
		Status string
		User   struct{ Username string }
		Lines  []struct {
			Product  struct{ ID string }
			Quantity int
		}
		History       []struct{ Type string }
		Notifications []struct{ ID, Status string }
	}
	list, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"product": product}})
	if err != nil {
		t.Fatal(err)
	}
	// The circuit may be open: many buyers waited for one product, some of them too long.
	eventually(t, time.Minute, "orders can be listed", func() bool {
		got := s.call(t.Context(), http.MethodPost, "/graphql", string(list))
		return got.status == http.StatusOK && !strings.Contains(string(got.body), `"errors"`)
	})
	var confirmed []order
	eventually(t, 3*time.Minute, "every order settled and told", func() bool {
		confirmed = nil
		settled := true
		for after, more := any(nil), true; more; {
			data := s.graphql(t, query, map[string]any{"product": product, "after": after})
			encoded, err := json.Marshal(data)
			if err != nil {
				t.Fatal(err)
			}
			var page struct {
				Stock  struct{ OnHand, Reserved, Sold int }
				Orders struct {
					Nodes    []order
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
			if err := json.Unmarshal(encoded, &page); err != nil {
				t.Fatal(err)
			}
			settled = settled && page.Stock.OnHand == 0 && page.Stock.Reserved == 0 && page.Stock.Sold == units
			for _, o := range page.Orders.Nodes {
				if o.Lines[0].Product.ID != product {
					continue
				}
				settled = settled && o.Status != "PENDING"
				if o.Status == "CONFIRMED" {
					confirmed = append(confirmed, o)
					settled = settled && len(o.Notifications) == 1 && o.Notifications[0].Status == "SENT"
				}
			}
			after, more = page.Orders.PageInfo.EndCursor, page.Orders.PageInfo.HasNextPage
		}
		return settled
	})
	if len(confirmed) != units {
		t.Errorf("got %d confirmed orders, want %d", len(confirmed), units)
	}
	for _, o := range confirmed {
		if mails := s.mails(t, o.User.Username+"@example.com"); len(mails) != 1 {
			t.Errorf("order %s: got %d e-mails, want one: %v", o.ID, len(mails), mails)
		}
	}
	s.replayFindsNoDifference(t)
}

// orderProcess is the order service in its own process.
type orderProcess struct{ cmd *exec.Cmd }

func startOrders(t *testing.T, s *store, binary string) *orderProcess {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "order")
	cmd.Env = os.Environ()
	for key, value := range s.Variables("order") {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have exited
		_ = cmd.Wait()
	})
	eventually(t, readyWithin, "the order process ready", func() bool {
		res, err := http.Get(s.URL("order") + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return &orderProcess{cmd}
}

func (p *orderProcess) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // killed
}

// buildSouk builds the program and returns its path.
func buildSouk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "souk")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "souk").CombinedOutput()
	if err != nil {
		t.Fatalf("building souk: %v: %s", err, out)
	}
	return path
}
