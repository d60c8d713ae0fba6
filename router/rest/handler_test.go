package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk/internal/memory"
	"souk/router/internal/echo"
	"souk/router/rest"
)

// store returns the root fields of a small store.
func store() thing {
	money := func(decimal string) thing {
		return thing{"minorUnits": 0, "currency": "USD", "decimal": json.Number(decimal)}
	}
	product := func(id int, name, price string, stock any) thing {
		return thing{
			"id": strconv.Itoa(id), "sku": strings.ToUpper(name), "name": name, "description": "", "category": thing{"slug": "general", "name": "General"},
			"price": money(price), "stock": stock, "weight": 0, "tags": []any{}, "retired": false,
			"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "version": 3,
		}
	}
	user := func(id int, name string) thing {
		return thing{"id": strconv.Itoa(id), "username": name, "displayName": name, "email": name + "@example.com",
			"roles": []any{"CUSTOMER"}, "createdAt": "2026-01-01T00:00:00Z", "version": 1}
	}
	order := func(id string, lines []any) thing {
		var made []any
		for _, each := range lines {
			line := each.(map[string]any)
			id, _ := strconv.Atoi(line["productId"].(string))
			made = append(made, thing{"product": product(id, "Laptop", "999.99", nil), "quantity": line["quantity"], "unitPrice": money("999.99"), "total": money("1999.98")})
		}
		return thing{"id": id, "user": user(1, "testuser"), "status": "CONFIRMED", "lines": made, "total": money("1999.98"),
			"placedAt": "2026-01-01T00:00:00Z", "version": 2}
	}
	typed := func(name, code string, more thing) thing {
		e := thing{"__typename": name, "message": "no: " + code, "code": code}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	return thing{
		"product": func(a map[string]any) any {
			switch a["id"] {
			case "1":
				return product(1, "Laptop", "999.99", thing{"available": 8})
			case "2":
				return product(2, "Phone", "10", coded{error: errors.New("inventory is down"), code: "SUBREQUEST_HTTP_ERROR"})
			case "500":
				return coded{error: errors.New("product is down"), code: "SUBREQUEST_HTTP_ERROR"}
			case "401":
				return coded{error: errors.New("unknown caller"), code: "UNAUTHENTICATED"}
			}
			return nil
		},
		"products": func(a map[string]any) any {
			var nodes []any
			for i := range 3 {
				nodes = append(nodes, product(i+1, "Laptop", "999.99", nil))
			}
			return thing{"nodes": nodes, "totalCount": 12, "pageInfo": thing{"hasNextPage": true, "hasPreviousPage": a["after"] != nil, "startCursor": "c1", "endCursor": "c3+"}}
		},
		"user":  func(map[string]any) any { return nil },
		"stock": func(map[string]any) any { return nil },
		"signUp": func(a map[string]any) any {
			input := a["input"].(map[string]any)
			if input["username"] == "taken" {
				return typed("Conflict", "USERNAME_TAKEN", nil)
			}
			return thing{"__typename": "UserPayload", "user": user(7, input["username"].(string))}
		},
		"createProduct": func(a map[string]any) any {
			input := a["input"].(map[string]any)
			price := input["price"].(map[string]any)["decimal"].(json.Number).String()
			if price == "0.001" {
				return typed("InvalidInput", "INVALID_INPUT", thing{"fields": []any{thing{"path": "price.decimal", "message": "is too precise", "hint": "0 is free"}}})
			}
			if currency := input["price"].(map[string]any)["currency"]; currency != nil && currency != "EUR" {
				return typed("InvalidInput", "INVALID_INPUT", thing{"fields": []any{thing{"path": "price.currency", "message": "is not known"}}})
			}
			return thing{"__typename": "ProductPayload", "product": product(9, input["name"].(string), price, thing{"available": input["stock"]})}
		},
		"updateProduct": func(a map[string]any) any {
			input := a["input"].(map[string]any)
			if input["name"] == "taken" {
				return typed("Conflict", "CONFLICT", nil)
			}
			if v := input["expectedVersion"]; v != nil && v != int64(3) && v != json.Number("3") {
				return typed("Conflict", "PRECONDITION_FAILED", nil)
			}
			return thing{"__typename": "ProductPayload", "product": product(1, "Laptop", "999.99", thing{"available": 8})}
		},
		"retireProduct": func(map[string]any) any { return typed("NotFound", "NOT_FOUND", nil) },
		"placeOrder": func(a map[string]any) any {
			lines := a["input"].(map[string]any)["lines"].([]any)
			switch lines[0].(map[string]any)["productId"] {
			case "50":
				return typed("OutOfStock", "OUT_OF_STOCK", thing{"shortages": []any{thing{"productId": "50", "requested": 2, "available": 1}}})
			case "51":
				return typed("Unavailable", "UNAVAILABLE", thing{"retryAfter": 7})
			case "52":
				return typed("InvalidInput", "INVALID_INPUT", thing{"fields": []any{thing{"path": "lines[0].quantity", "message": "is too many"}}})
			}
			return thing{"__typename": "OrderPayload", "order": order("11", lines)}
		},
		"logIn": func(a map[string]any) any {
			if a["input"].(map[string]any)["login"] == "guesser" {
				return typed("TooManyAttempts", "TOO_MANY_ATTEMPTS", thing{"retryAfter": 40})
			}
			return typed("InvalidCredentials", "INVALID_CREDENTIALS", nil)
		},
		"logOut": func(map[string]any) any { return true },
		"notifications": func(map[string]any) any {
			n := thing{"id": "5", "user": user(1, "testuser"), "template": "order-created", "status": "SENT", "attempts": 1, "body": "hello", "createdAt": "2026-01-01T00:00:00Z"}
			mail := thing{"__typename": "EmailNotification", "subject": "Your order", "to": "a@example.com"}
			sms := thing{"__typename": "SmsNotification", "phone": "+491234"}
			for k, v := range n {
				mail[k], sms[k] = v, v
			}
			return thing{"nodes": []any{mail, sms}, "totalCount": 2, "pageInfo": thing{"hasNextPage": false, "hasPreviousPage": false}}
		},
	}
}

func newHandler(t testing.TB, change func(*rest.Options)) (*rest.Handler, *graph) {
	t.Helper()
	g := newGraph(t, store())
	options := rest.Options{Documents: os.DirFS("../../schema/rest"), SchemaSDL: storeSDL(), Executor: g}
	if change != nil {
		change(&options)
	}
	h, err := rest.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return h, g
}

// exchange is a request and the expected response.
type exchange struct {
	name    string
	request string // "METHOD target"
	header  map[string]string
	body    string

	status     int
	wantHeader map[string]string // prefixes of the values
	want       string            // JSON that the body must contain, member by member
	variables  string            // the variables of the executed operation
}

func (e exchange) run(t *testing.T, h http.Handler, g *graph) *httptest.ResponseRecorder {
	t.Helper()
	method, target, _ := strings.Cut(e.request, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(e.body))
	if e.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range e.header {
		r.Header.Set(name, value)
	}
	g.variables = nil
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != e.status {
		t.Errorf("got status %d, want %d: %s", w.Code, e.status, w.Body)
	}
	for name, want := range e.wantHeader {
		if got := w.Header().Get(name); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("header %s = %q, want %q", name, got, want)
		}
	}
	if w.Code >= 400 {
		checkProblem(t, r, w)
	}
	checkDescribed(t, h, r.Pattern, e.body, w)
	if e.want != "" {
		var got, want any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("body %q is not JSON: %v", w.Body, err)
		}
		if err := json.Unmarshal([]byte(e.want), &want); err != nil {
			t.Fatal(err)
		}
		if !contains(got, want) {
			t.Errorf("got body %s\nwant %s", w.Body, e.want)
		}
	}
	if e.variables != "" {
		if len(g.variables) != 1 || string(g.variables[0]) != e.variables {
			t.Errorf("got variables %s, want %s", g.variables, e.variables)
		}
	}
	return w
}

// checkProblem checks the members that every problem document has. A path may be too long for
// instance.
func checkProblem(t testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Body.Len() == 0 {
		return // the response to HEAD
	}
	var p struct {
		Type, Title, Instance, Detail string
		Status                        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("problem %q is not JSON: %v", w.Body, err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("got problem type %q", got)
	}
	if p.Type == "" || p.Title == "" || p.Instance == "" && len(r.URL.EscapedPath()) <= echo.MaxMessage || p.Detail == "" || p.Status != w.Code {
		t.Errorf("a required member is missing in %s", w.Body)
	}
}

// contains reports whether got has every member of want, recursively.
func contains(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for name, w := range want {
			g, there := object[name]
			ok = ok && there && contains(g, w)
		}
		return ok
	case []any:
		items, ok := got.([]any)
		return ok && len(items) == len(want) && !slices.ContainsFunc(want, func(w any) bool {
			return !slices.ContainsFunc(items, func(g any) bool { return contains(g, w) })
		})
	default:
		return got == want
	}
}

func TestRoutesMapRequestsToOperations(t *testing.T) {
	exchanges := []exchange{
		{name: "health", request: "GET /api/health", status: 200, want: `{"status":"ok"}`},
		{name: "the documented sign-up", request: "POST /api/users", body: `{"username":"testuser","email":"test@example.com"}`,
			status: 201, wantHeader: map[string]string{"Location": "/api/users/7", "Content-Type": "application/json", "ETag": `"1.`},
			want:      `{"id":7,"username":"testuser","email":"testuser@example.com","roles":["CUSTOMER"]}`,
			variables: `{"username":"testuser","email":"test@example.com"}`},
		{name: "the documented product", request: "POST /api/products", body: `{"name":"Laptop","price":999.99,"stock":10}`,
			status: 201, wantHeader: map[string]string{"Location": "/api/products/9"},
			want:      `{"id":9,"name":"Laptop","price":999.99,"currency":"USD","stock":10,"category":"general"}`,
			variables: `{"name":"Laptop","price":{"decimal":999.99},"stock":10}`},
		{name: "the documented order", request: "POST /api/orders", body: `{"userId":1,"productId":1,"quantity":2}`,
			status: 201, wantHeader: map[string]string{"Location": "/api/orders/11"},
			want:      `{"id":11,"userId":1,"status":"CONFIRMED","total":1999.98,"lines":[{"productId":1,"name":"Laptop","quantity":2,"unitPrice":999.99}]}`,
			variables: `{"userId":"1","lines":[{"productId":"1","quantity":2}]}`},
		{name: "an order with several lines", request: "POST /api/orders", body: `{"userId":1,"lines":[{"productId":1,"quantity":2},{"productId":3,"quantity":1}]}`,
			status: 201, variables: `{"userId":"1","lines":[{"productId":"1","quantity":2},{"productId":"3","quantity":1}]}`},
		{name: "the idempotency key reaches the order", request: "POST /api/orders", header: map[string]string{"Idempotency-Key": `"k-1"`},
			body: `{"productId":1,"quantity":2}`, status: 201, variables: `{"lines":[{"productId":"1","quantity":2}],"idempotencyKey":"k-1"}`},
		{name: "numbers in other notations", request: "POST /api/orders", body: `{"userId":1.0,"productId":9007199254740991,"quantity":2.0}`,
			status: 201, variables: `{"userId":"1","lines":[{"productId":"9007199254740991","quantity":2}]}`},
		{name: "an unpaired surrogate", request: "POST /api/users", body: `{"username":"a\ud800","email":"test@example.com"}`, status: 400},
		{name: "a surrogate pair", request: "POST /api/users", body: `{"username":"abc","displayName":"a\ud83d\ude00","email":"test@example.com"}`, status: 201},
		{name: "one product", request: "GET /api/products/1", status: 200, wantHeader: map[string]string{"ETag": `"3.`, "Souk-Partial": ""}, want: `{"id":1,"price":999.99,"stock":8}`, variables: `{"id":"1"}`},
		{name: "a price in another currency", request: "POST /api/products", body: `{"name":"a","price":1,"currency":"EUR"}`, status: 201},
		{name: "prices in another currency", request: "GET /api/products?minPrice=1&maxPrice=2&currency=EUR", status: 200},
		{name: "a price keeps its digits", request: "POST /api/products", body: `{"name":"Gold","price":12345678.901234567890123}`, status: 201,
			variables: `{"name":"Gold","price":{"decimal":12345678.901234567890123}}`},
		{name: "null is forwarded", request: "PATCH /api/products/1", body: `{"name":"a","imageUrl":null}`, status: 200, variables: `{"id":"1","name":"a","imageUrl":null}`},
		{name: "an alias of a member", request: "POST /api/login", body: `{"email":"a@example.com","password":"x"}`, status: 401,
			want: `{"code":"INVALID_CREDENTIALS","type":"/api/docs#problem-invalid-credentials"}`, variables: `{"login":"a@example.com","password":"x"}`},
		{name: "no content", request: "POST /api/logout", body: `{"refreshToken":"x"}`, status: 204, wantHeader: map[string]string{"Content-Type": ""}},
		{name: "types of an interface", request: "GET /api/notifications?userId=1&total=true", status: 200, wantHeader: map[string]string{"X-Total-Count": "2"},
			want:      `[{"id":5,"type":"EmailNotification","subject":"Your order","userId":1,"orderId":null},{"type":"SmsNotification","phone":"+491234"}]`,
			variables: `{"userId":"1","total":true,"first":20}`},
		{name: "HEAD", request: "HEAD /api/products/1", status: 200, wantHeader: map[string]string{"ETag": `"3.`}},
		{name: "OPTIONS", request: "OPTIONS /api/products/1", status: 204, wantHeader: map[string]string{"Allow": "DELETE, GET, HEAD, OPTIONS, PATCH"}},
		{name: "a subgraph is unavailable", request: "GET /api/products/2", status: 200, wantHeader: map[string]string{"Cache-Control": "no-store", "ETag": "", "Souk-Partial": `"/stock"`}, want: `{"id":2,"stock":null}`},
	}
	h, g := newHandler(t, nil)
	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) {
			w := e.run(t, h, g)
			if strings.HasPrefix(e.request, "HEAD") && w.Body.Len() > 0 {
				t.Errorf("HEAD: got body %s", w.Body)
			}
		})
	}
}

func TestInvalidRequestsGetProblems(t *testing.T) {
	json422 := func(pointer string) string {
		return `{"status":422,"errors":[{"in":"body","pointer":"` + pointer + `"}]}`
	}
	exchanges := []exchange{
		{name: "broken JSON", request: "POST /api/users", body: "{\"username\":\n  \"a\",,}", status: 400, want: `{"line":2,"column":7}`},
		{name: "truncated JSON", request: "POST /api/users", body: `{"username":`, status: 400, want: `{"line":1,"column":13}`},
		{name: "a duplicate member", request: "POST /api/users", body: `{"username":"a","username":"b"}`, status: 400, want: `{"line":1,"column":17}`},
		{name: "not UTF-8", request: "POST /api/users", body: "{\"username\":\"\xff\"}", status: 400, want: `{"column":14}`},
		{name: "no body", request: "POST /api/users", header: map[string]string{"Content-Type": "application/json"}, status: 400},
		{name: "an array", request: "POST /api/users", body: `[]`, status: 422, want: json422("#")},
		{name: "a missing member", request: "POST /api/users", body: `{"username":"ada"}`, status: 422, want: json422("#/email")},
		{name: "a wrong type", request: "POST /api/users", body: `{"username":1,"email":"a@example.com"}`, status: 422, want: json422("#/username")},
		{name: "an unknown member", request: "POST /api/users", body: `{"usrname":"a","username":"bob","email":"c@example.com"}`, status: 422,
			want: `{"errors":[{"pointer":"#/usrname","detail":"is not known","hint":"did you mean \"username\"?"}]}`},
		{name: "two invalid values", request: "POST /api/products", body: `{"name":5,"price":"9","stock":1.5}`, status: 422,
			want: `{"errors":[{"pointer":"#/name"},{"pointer":"#/price"},{"pointer":"#/stock"}]}`},
		{name: "an invalid ID", request: "POST /api/orders", body: `{"userId":"one","productId":1,"quantity":2}`, status: 422, want: json422("#/userId")},
		{name: "an invalid value in a line", request: "POST /api/orders", body: `{"lines":[{"productId":1,"quantity":2},{"productId":2,"quantity":"3"}]}`, status: 422, want: json422("#/lines/1/quantity")},
		{name: "an invalid value in the short form", request: "POST /api/orders", body: `{"productId":1,"quantity":"3"}`, status: 422, want: json422("#/quantity")},
		{name: "a missing value in the short form", request: "POST /api/orders", body: `{"productId":1}`, status: 422, want: json422("#/quantity")},
		{name: "both forms", request: "POST /api/orders", body: `{"productId":1,"lines":[{"productId":1,"quantity":1}]}`, status: 422, want: json422("#/productId")},
		{name: "an order without lines", request: "POST /api/orders", body: `{"userId":1}`, status: 422, want: json422("#/lines")},
		{name: "the pointer of a wrapped member", request: "POST /api/products", body: `{"name":"a","price":1,"currency":"XXX"}`, status: 422, want: `{"errors":[{"in":"body","pointer":"#/currency"}]}`},
		{name: "a currency that is no text", request: "POST /api/products", body: `{"name":"a","price":1,"currency":1}`, status: 422, want: `{"errors":[{"in":"body","pointer":"#/currency"}]}`},
		{name: "a currency without a price", request: "PATCH /api/products/1", body: `{"currency":"EUR"}`, status: 422, want: `{"errors":[{"in":"body","pointer":"#/currency"}]}`},
		{name: "a currency without prices", request: "GET /api/products?currency=EUR", status: 422,
			want: `{"errors":[{"in":"query","name":"currency","detail":"is given without minPrice or maxPrice"}]}`},
		{name: "the allowed values are said once", request: "GET /api/notifications?status=LOST", status: 422,
			want: `{"detail":"status must be one of PENDING, SENT, DEAD","errors":[{"in":"query","name":"status"}]}`},
		{name: "a key with a space", request: "POST /api/orders", header: map[string]string{"Idempotency-Key": "a b"}, body: `{"productId":1,"quantity":1}`, status: 400,
			want: `{"detail":"Idempotency-Key must be one string of 1 to 255 ASCII characters, such as a UUID. One with a space, a comma, a semicolon or a quote must be in double quotes."}`},
		{name: "two currencies", request: "GET /api/products?minPrice=1&currency=EUR&currency=USD", status: 422, want: `{"errors":[{"in":"query","name":"currency"}]}`},
		{name: "a conflict that is not about the version", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `"3.abc"`}, body: `{"name":"taken"}`, status: 409, want: `{"type":"/api/docs#problem-conflict","code":"CONFLICT"}`},
		{name: "the pointer of a typed error", request: "POST /api/products", body: `{"name":"a","price":0.001}`, status: 422,
			want: `{"code":"INVALID_INPUT","detail":"price is too precise (0 is free)","errors":[{"in":"body","pointer":"#/price","detail":"is too precise","hint":"0 is free"}]}`},
		{name: "the pointer of a typed error in the short form", request: "POST /api/orders", body: `{"productId":52,"quantity":2}`, status: 422, want: json422("#/quantity")},
		{name: "the pointer of a typed error in a list", request: "POST /api/orders", body: `{"lines":[{"productId":52,"quantity":2}]}`, status: 422, want: json422("#/lines/0/quantity")},
		{name: "a conflict", request: "POST /api/users", body: `{"username":"taken","email":"a@example.com"}`, status: 409, want: `{"code":"USERNAME_TAKEN","title":"Conflict","detail":"no: USERNAME_TAKEN"}`},
		{name: "out of stock", request: "POST /api/orders", body: `{"userId":1,"productId":50,"quantity":2}`, status: 409,
			want: `{"title":"Out of stock","code":"OUT_OF_STOCK","shortages":[{"productId":50,"requested":2,"available":1}]}`},
		{name: "unavailable", request: "POST /api/orders", body: `{"userId":1,"productId":51,"quantity":2}`, status: 503, wantHeader: map[string]string{"Retry-After": "7"}},
		{name: "null is not found", request: "GET /api/products/99", status: 404, want: `{"instance":"/api/products/99"}`},
		{name: "null above the result is not found", request: "GET /api/users/99/orders", status: 404},
		{name: "a path without a valid ID", request: "GET /api/products/abc", status: 404},
		{name: "not found, typed", request: "DELETE /api/products/99", status: 404, want: `{"code":"NOT_FOUND"}`},
		{name: "a service is unavailable", request: "GET /api/products/500", status: 503, wantHeader: map[string]string{"Retry-After": "1"}, want: `{"code":"SUBREQUEST_HTTP_ERROR"}`},
		{name: "unauthenticated", request: "GET /api/products/401", status: 401, wantHeader: map[string]string{"WWW-Authenticate": "Bearer"},
			want: `{"detail":"unknown caller. Missing access token. Send Authorization: Bearer <token>."}`},
		{name: "unauthenticated with a token", request: "GET /api/products/401", header: map[string]string{"Authorization": "Bearer x"}, status: 401,
			wantHeader: map[string]string{"WWW-Authenticate": "Bearer"}, want: `{"detail":"unknown caller"}`},
		{name: "a field that needs authentication", request: "GET /api/me", status: 401, wantHeader: map[string]string{"WWW-Authenticate": "Bearer"},
			want: `{"detail":"Missing access token. Send Authorization: Bearer <token>."}`},
		{name: "a field that needs another role", request: "GET /api/me", header: map[string]string{"Authorization": "Bearer x"}, status: 401,
			wantHeader: map[string]string{"WWW-Authenticate": "Bearer"}, want: `{"detail":"The request needs a valid access token."}`},
		{name: "a wait", request: "POST /api/login", body: `{"login":"guesser","password":"x"}`, status: 429,
			wantHeader: map[string]string{"Retry-After": "40"}, want: `{"code":"TOO_MANY_ATTEMPTS"}`},
		{name: "an unknown path", request: "GET /api/product/1", status: 404, want: `{"detail":"Nothing exists at /api/product/1; did you mean /api/products/1?"}`},
		{name: "an unsupported method", request: "PUT /api/products", body: `{}`, status: 405, wantHeader: map[string]string{"Allow": "GET, HEAD, OPTIONS, POST"}},
		{name: "an unacceptable media type", request: "GET /api/products", header: map[string]string{"Accept": "text/html, application/json;q=0"}, status: 406},
		{name: "an unsupported media type", request: "POST /api/users", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: `{}`, status: 415, wantHeader: map[string]string{"Accept-Post": "application/json"}},
		{name: "another charset", request: "POST /api/users", header: map[string]string{"Content-Type": "application/json; charset=latin1"}, body: `{}`, status: 415},
		{name: "a body that is too large", request: "POST /api/users", body: `{"username":"` + strings.Repeat("a", 2<<20) + `"}`, status: 413},
		{name: "an unknown parameter", request: "GET /api/products?serch=x", status: 422, want: `{"errors":[{"in":"query","name":"serch","hint":"did you mean \"search\"?"}]}`},
		{name: "a parameter of the wrong type", request: "GET /api/products?minPrice=cheap", status: 422, want: `{"errors":[{"in":"query","name":"minPrice"}]}`},
		{name: "an invalid parameter", request: "GET /api/products?sort=CHEAP", status: 422, want: `{"errors":[{"in":"query","name":"sort"}]}`},
		{name: "a duplicate parameter", request: "GET /api/products?search=a&search=b", status: 422},
		{name: "a page that is too large", request: "GET /api/products?limit=1000", status: 422, want: `{"errors":[{"in":"query","name":"limit"}]}`},
		{name: "both directions", request: "GET /api/products?after=a&before=b", status: 422},
		{name: "an invalid query string", request: "GET /api/products?a=%zz", status: 400},
		{name: "an invalid key", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `""`}, body: `{}`, status: 400},
		{name: "a list of keys", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `"a", "b"`}, body: `{}`, status: 400},
		{name: "a list of keys without quotes", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `a, b`}, body: `{}`, status: 400},
		{name: "a quote inside a key", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `"a"b"`}, body: `{}`, status: 400},
		{name: "an unterminated key", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `"a\"`}, body: `{}`, status: 400},
		{name: "an unknown escape in a key", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `"\a"`}, body: `{}`, status: 400},
		{name: "a key with parameters", request: "POST /api/users", header: map[string]string{"Idempotency-Key": `a;b=1`}, body: `{}`, status: 400},
		{name: "a stale version", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `"2.abc"`}, body: `{"name":"a"}`, status: 412, want: `{"type":"/api/docs#problem-precondition-failed","title":"Precondition failed","code":"PRECONDITION_FAILED"}`},
		{name: "stale versions", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `"2.abc", "1"`}, body: `{"name":"a"}`, status: 412, want: `{"code":"PRECONDITION_FAILED"}`},
		{name: "weak and foreign tags", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `W/"3", "a,b"`}, body: `{"name":"a"}`, status: 412},
		{name: "* and a tag", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `*, "3"`}, body: `{"name":"a"}`, status: 400},
		{name: "tags without a comma", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `"3" "4"`}, body: `{"name":"a"}`, status: 400},
		{name: "an unterminated tag", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `"3", "4`}, body: `{"name":"a"}`, status: 400},
		{name: "many versions", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `"10","11","12","13","14","15","16","17","18","19","20"`}, body: `{"name":"a"}`, status: 400},
		{name: "a path that needs encoding", request: "GET /api/products/%22a%20b%22%C3%A9", status: 404, want: `{"instance":"/api/products/%22a%20b%22%C3%A9"}`},
		{name: "a weak tag", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `W/"3"`}, body: `{"name":"a"}`, status: 412},
		{name: "a tag without quotes", request: "PATCH /api/products/1", header: map[string]string{"If-Match": `3`}, body: `{"name":"a"}`, status: 400},
		{name: "a tag for a resource without one", request: "POST /api/users", header: map[string]string{"If-Match": `"3"`}, body: `{"username":"ada","email":"b@example.com"}`, status: 412},
	}
	h, g := newHandler(t, nil)
	documented := documentedProblems(t, h)
	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) {
			w := e.run(t, h, g)
			var p struct{ Type string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || !slices.Contains(documented, p.Type) {
				t.Errorf("the page does not document %q (%v)", p.Type, err)
			}
		})
	}
}

// A caller without a token is told to send one. One with a token gets 403.
func TestAnonymousWritesNeedAToken(t *testing.T) {
	h, g := newHandler(t, nil)
	g.root["updateProduct"] = func(map[string]any) any {
		return thing{"__typename": "Forbidden", "message": "Only administrators may change the catalogue.", "code": "FORBIDDEN"}
	}
	g.root["products"] = func(map[string]any) any {
		return coded{error: errors.New("not allowed"), code: "UNAUTHORIZED_FIELD_OR_TYPE"}
	}
	const change = `{"name":"a"}`
	token := map[string]string{"Authorization": "Bearer x"}
	for _, e := range []exchange{
		{name: "typed error", request: "PATCH /api/products/1", body: change, status: 401, wantHeader: map[string]string{"WWW-Authenticate": "Bearer"},
			want: `{"code":"UNAUTHENTICATED","type":"/api/docs#problem-unauthenticated","detail":"Only administrators may change the catalogue. Missing access token. Send Authorization: Bearer <token>."}`},
		{name: "typed error with a token", request: "PATCH /api/products/1", header: token, body: change, status: 403, want: `{"code":"FORBIDDEN"}`},
		{name: "graph error", request: "GET /api/products", status: 401, wantHeader: map[string]string{"WWW-Authenticate": "Bearer"}},
		{name: "graph error with a token", request: "GET /api/products", header: token, status: 403, wantHeader: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope"`}},
	} {
		t.Run(e.name, func(t *testing.T) { e.run(t, h, g) })
	}
}

// A mutation that succeeded is not reported as failed because a field of the
// result is missing.
func TestPartialResultOfAMutationIsSuccess(t *testing.T) {
	h, g := newHandler(t, nil)
	g.root["createProduct"] = func(map[string]any) any {
		return thing{"__typename": "ProductPayload", "product": g.root["product"].(resolver)(map[string]any{"id": "2"})}
	}
	exchange{request: "POST /api/products", body: `{"name":"Phone","price":10}`, status: 201,
		wantHeader: map[string]string{"Location": "/api/products/2", "Cache-Control": "no-store", "Souk-Partial": `"/stock"`}, want: `{"id":2,"stock":null}`}.run(t, h, g)
}

func TestExecutorFailureHidesItsCause(t *testing.T) {
	h, g := newHandler(t, nil)
	g.fail = errors.New("secret inner workings")
	w := exchange{request: "GET /api/products/1", status: 500}.run(t, h, g)
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the problem contains the cause: %s", w.Body)
	}
	g.fail = http.ErrHandlerTimeout
	exchange{request: "GET /api/products/1", status: 500}.run(t, h, g)
}

func TestETagsMakeRequestsConditional(t *testing.T) {
	h, g := newHandler(t, nil)
	first := exchange{request: "GET /api/products/1", status: 200}.run(t, h, g)
	tag := first.Header().Get("ETag")
	again := exchange{request: "GET /api/products/1", header: map[string]string{"If-None-Match": `"other", W/` + tag}, status: 304, wantHeader: map[string]string{"ETag": tag}}.run(t, h, g)
	if again.Body.Len() > 0 {
		t.Errorf("status 304: got body %s", again.Body)
	}
	exchange{request: "GET /api/products/1", header: map[string]string{"If-None-Match": `"other"`}, status: 200}.run(t, h, g)
	exchange{request: "PATCH /api/products/1", header: map[string]string{"If-Match": tag}, body: `{"name":"a"}`, status: 200,
		wantHeader: map[string]string{"ETag": tag}, variables: `{"id":"1","name":"a","expectedVersion":3}`}.run(t, h, g)
	for _, list := range []string{`"2", "3.x"`, `W/"1", "2", , "4.y","3"`, `"a,3", "3"`, `"3", "2"`} {
		exchange{request: "PATCH /api/products/1", header: map[string]string{"If-Match": list}, body: `{"name":"a"}`, status: 200, wantHeader: map[string]string{"ETag": tag}}.run(t, h, g)
		if last := string(g.variables[len(g.variables)-1]); last != `{"id":"1","name":"a","expectedVersion":3}` {
			t.Errorf("%s: got variables %s", list, last)
		}
	}
	exchange{request: "PATCH /api/products/1", header: map[string]string{"If-Match": "*"}, body: `{"name":"a"}`, status: 200, variables: `{"id":"1","name":"a"}`}.run(t, h, g)

	g.root["product"] = func(a map[string]any) any {
		p := store()["product"].(resolver)(a).(thing)
		p["stock"] = thing{"available": 7}
		return p
	}
	exchange{request: "GET /api/products/1", header: map[string]string{"If-None-Match": tag}, status: 200}.run(t, h, g)
}

func TestPagesLinkToTheirNeighbors(t *testing.T) {
	h, g := newHandler(t, nil)
	w := exchange{request: "GET /api/products?limit=3&search=lap+top", status: 200, wantHeader: map[string]string{"X-Total-Count": ""},
		variables: `{"search":"lap top","first":3}`}.run(t, h, g)
	want := `</api/products?after=c3%2B&limit=3&search=lap+top>; rel="next", </api/products?limit=3&search=lap+top>; rel="first"`
	if got := w.Header().Get("Link"); got != want {
		t.Errorf("Link = %s\nwant   %s", got, want)
	}
	w = exchange{request: "GET /api/products?limit=3&after=c3%2B", status: 200, variables: `{"first":3,"after":"c3+"}`}.run(t, h, g)
	if got := w.Header().Get("Link"); !strings.Contains(got, `</api/products?before=c1&limit=3>; rel="prev"`) {
		t.Errorf("Link = %s, want one to the previous page", got)
	}
	exchange{request: "GET /api/products?limit=3&total=true", status: 200, wantHeader: map[string]string{"X-Total-Count": "12"},
		variables: `{"total":true,"first":3}`}.run(t, h, g)
	exchange{request: "GET /api/products?limit=3&before=c1", status: 200, variables: `{"last":3,"before":"c1"}`}.run(t, h, g)
}

func TestGraphQLResponseHeadersAreForwarded(t *testing.T) {
	h, g := newHandler(t, nil)
	g.header = http.Header{"Age": {"12"}, "Cache-Control": {"max-age=60"}}
	exchange{request: "GET /api/products/1", status: 200, wantHeader: map[string]string{"Age": "12", "Cache-Control": "max-age=60"}}.run(t, h, g)
}

func TestHealthReportsTheFailure(t *testing.T) {
	broken := errors.New("no supergraph yet")
	h, g := newHandler(t, func(o *rest.Options) { o.Health = func(context.Context) error { return broken } })
	exchange{request: "GET /api/health", status: 503, want: `{"detail":"no supergraph yet"}`}.run(t, h, g)
}

// If IDs are strings, a number in JSON keeps its digits and a parameter is used
// unchanged.
func TestTextIDsKeepEveryDigit(t *testing.T) {
	h, g := newHandler(t, func(o *rest.Options) { o.TextIDs = true })
	for _, c := range []struct{ request, body, want string }{
		{request: "GET /api/products/9007199254740993", want: `{"id":"9007199254740993"}`},
		{request: "GET /api/products/1e2", want: `{"id":"1e2"}`},
		{request: "POST /api/orders", body: `{"userId":9007199254740993,"productId":1.0,"quantity":2}`,
			want: `{"userId":"9007199254740993","lines":[{"productId":"1","quantity":2}]}`},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		r := httptest.NewRequest(method, target, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		g.variables = nil
		h.ServeHTTP(httptest.NewRecorder(), r)
		if len(g.variables) != 1 || string(g.variables[0]) != c.want {
			t.Errorf("%s %s: got variables %s, want %s", c.request, c.body, g.variables, c.want)
		}
	}
}

// Responses are charged while they are built. Without memory, reads are rejected.
// A mutation has happened, so its response is sent.
func TestResponsesAreChargedToTheBudget(t *testing.T) {
	budget := memory.NewBudget(1 << 20)
	h, g := newHandler(t, func(o *rest.Options) { o.Memory = budget })
	var held memory.Lease
	held.Of(budget)
	if err := held.Grow(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	for held.TryGrow(64) {
	}
	exchange{request: "GET /api/products/1", status: http.StatusServiceUnavailable, wantHeader: map[string]string{"Retry-After": "1"}}.run(t, h, g)
	exchange{request: "POST /api/orders", body: `{"userId":1,"productId":1,"quantity":2}`, status: http.StatusCreated}.run(t, h, g)
	held.Release()
	exchange{request: "GET /api/products/1", status: http.StatusOK}.run(t, h, g)
	if budget.Used() != 0 {
		t.Errorf("%d bytes are still charged", budget.Used())
	}
}
