package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A tutorial follows docs/tutorial.md from "Send requests" to "Run the load test".
type tutorial struct {
	*cluster
	gateway       string // its URL
	suffix        string // makes the user's name its own
	user, product string // the IDs of what it created
}

// An experiment holds if it returns no error at one of its attempts.
type experiment struct {
	claim    string
	attempts int
	check    func(context.Context) error
}

// experiment runs all experiments, also after one that fails, and prints what held.
func (c *cluster) experiment(ctx context.Context) error {
	gateway, stop, err := c.forward(ctx, "istio-ingressgateway", 80)
	if err != nil {
		return err
	}
	defer stop()
	t := &tutorial{cluster: c, gateway: gateway, suffix: strings.ToLower(rand.Text()[:6])}
	var failed []string
	list := t.experiments()
	for _, e := range list {
		err := c.try(ctx, e)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			failed = append(failed, e.claim)
			fmt.Fprintf(c.out, "DID NOT HOLD: %s: %v\n", e.claim, err)
			continue
		}
		fmt.Fprintln(c.out, "held: "+e.claim)
	}
	fmt.Fprintf(c.out, "\n%d of %d held.\n", len(list)-len(failed), len(list))
	if len(failed) > 0 {
		return errors.New("these did not hold: " + strings.Join(failed, ", "))
	}
	return nil
}

func (c *cluster) try(ctx context.Context, e experiment) error {
	for attempt := 1; ; attempt++ {
		err := e.check(ctx)
		if err == nil || attempt >= e.attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-c.pause():
		}
	}
}

func (t *tutorial) experiments() []experiment {
	const long = 120 // attempts, with a pause after each
	return []experiment{
		{"the gateway responds", long, t.expect(http.MethodGet, "/api/health", "", http.StatusOK, nil)},
		{"a user is created", long, t.create("/api/users", func() string {
			return fmt.Sprintf(`{"username":"john-%s","email":"john-%[1]s@example.com"}`, t.suffix)
		}, &t.user)},
		{"a product is created", long, t.create("/api/products", func() string { return `{"name":"Laptop","price":999.99,"stock":10}` }, &t.product)},
		{"an order is confirmed", long, t.order},
		{"a hundred lists of products are served", 1, t.browse},
		{"inventory stops", 1, t.scale("0")},
		{"without inventory, products are listed with a header that says what is missing", long, t.partial},
		{"without inventory, an order gets 503 with Retry-After", long, t.refused},
		{"inventory starts", 1, t.scale("2")},
		{"orders are confirmed again", long, t.order},
		{"the load test ends within its thresholds", 1, t.load},
		{"Prometheus has the requests that the mesh counted", long, t.ask("prometheus", 9090, "/api/v1/query?query=sum(istio_requests_total{destination_app=%22order-service%22})%3E0", `"value"`)},
		{"Jaeger has traces of the router", long, t.ask("jaeger", 16686, "/api/services", `"api-gateway"`)},
	}
}

// request sends a request to the gateway, and returns the response and its body.
func (t *tutorial) request(ctx context.Context, method, url, body string) (*http.Response, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 35*time.Second) // the gateway's limit is 30 s
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	return response, string(text), err
}

// expect sends a request and wants a status, and the body to pass a check if there is one.
func (t *tutorial) expect(method, path, body string, status int, check func(*http.Response, string) error) func(context.Context) error {
	return func(ctx context.Context) error {
		response, text, err := t.request(ctx, method, t.gateway+path, body) //nolint:bodyclose // request closes it
		if err != nil {
			return err
		}
		if response.StatusCode != status {
			return fmt.Errorf("%s %s: got status %s, want %d: %.300s", method, path, response.Status, status, text)
		}
		if check == nil {
			return nil
		}
		return check(response, text)
	}
}

func (t *tutorial) create(path string, body func() string, id *string) func(context.Context) error {
	return func(ctx context.Context) error {
		return t.expect(http.MethodPost, path, body(), http.StatusCreated, func(_ *http.Response, text string) error {
			var made struct{ ID json.Number }
			if err := json.Unmarshal([]byte(text), &made); err != nil || made.ID == "" {
				return fmt.Errorf("POST %s: the response has no ID: %.300s", path, text)
			}
			*id = made.ID.String()
			return nil
		})(ctx)
	}
}

func (t *tutorial) wish() string {
	return fmt.Sprintf(`{"userId":%s,"productId":%s,"quantity":2}`, t.user, t.product)
}

func (t *tutorial) order(ctx context.Context) error {
	return t.expect(http.MethodPost, "/api/orders", t.wish(), http.StatusCreated, func(_ *http.Response, text string) error {
		if !strings.Contains(text, `"CONFIRMED"`) {
			return fmt.Errorf("the order is not confirmed: %.300s", text)
		}
		return nil
	})(ctx)
}

func (t *tutorial) browse(ctx context.Context) error {
	for range 100 {
		if err := t.expect(http.MethodGet, "/api/products", "", http.StatusOK, nil)(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *tutorial) partial(ctx context.Context) error {
	return t.expect(http.MethodGet, "/api/products", "", http.StatusOK, func(response *http.Response, _ string) error {
		if response.Header.Get("Souk-Partial") == "" {
			return errors.New("the response has no header Souk-Partial")
		}
		return nil
	})(ctx)
}

func (t *tutorial) refused(ctx context.Context) error {
	return t.expect(http.MethodPost, "/api/orders", t.wish(), http.StatusServiceUnavailable, func(response *http.Response, _ string) error {
		if response.Header.Get("Retry-After") == "" {
			return errors.New("the response has no Retry-After")
		}
		return nil
	})(ctx)
}

func (t *tutorial) scale(replicas string) func(context.Context) error {
	return func(ctx context.Context) error {
		commands := []command{kubectl(time.Minute, "-n", "ecommerce", "scale", "deployment/inventory-service", "--replicas="+replicas)}
		if replicas == "0" {
			commands = append(commands, kubectl(3*time.Minute, "-n", "ecommerce", "wait", "--for=delete", "pod", "-l", "app=inventory-service", "--timeout=2m"))
		} else {
			commands = append(commands, kubectl(6*time.Minute, "-n", "ecommerce", "rollout", "status", "deployment/inventory-service", "--timeout=5m"))
		}
		return t.do(ctx, commands...)
	}
}

// load runs the load test, and prints what k6 says.
func (t *tutorial) load(ctx context.Context) error {
	if err := t.do(ctx,
		kubectl(time.Minute, "-n", "ecommerce", "delete", "job", "load-test", "--ignore-not-found"),
		kubectl(time.Minute, "apply", "-f", "manifests/12-load-test.yaml")); err != nil {
		return err
	}
	if err := t.try(ctx, experiment{attempts: 120, check: func(ctx context.Context) error { // until the container runs
		return t.do(ctx, kubectl(15*time.Minute, "-n", "ecommerce", "logs", "-f", "job/load-test", "-c", "k6"))
	}}); err != nil {
		return err
	}
	return t.try(ctx, experiment{attempts: 20, check: func(ctx context.Context) error {
		ended, err := t.run(ctx, kubectl(time.Minute, "-n", "ecommerce", "get", "job", "load-test", "-o", "jsonpath={.status.succeeded}"))
		if err == nil && ended != "1" {
			err = errors.New("the Job load-test did not succeed; a threshold was crossed, or the script failed")
		}
		return err
	}})
}

// ask wants a response of a monitoring program to contain a text.
func (t *tutorial) ask(service string, port int, path, want string) func(context.Context) error {
	return func(ctx context.Context) error {
		address, stop, err := t.forward(ctx, service, port)
		if err != nil {
			return err
		}
		defer stop()
		response, text, err := t.request(ctx, http.MethodGet, address+path, "") //nolint:bodyclose // request closes it
		if err == nil && (response.StatusCode != http.StatusOK || !strings.Contains(text, want)) {
			err = fmt.Errorf("%s has no %s: %s %.300s", service, want, response.Status, text)
		}
		return err
	}
}
