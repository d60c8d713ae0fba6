package subgraph_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// BenchmarkSend compares the transports, with one request at a time and with many:
// the router's own HTTP/1.1 client, that of net/http, and HTTP/2 without TLS. One
// iteration is a request whose response is read whole.
func BenchmarkSend(b *testing.B) {
	const small, large = 200, 30_000 // response sizes of entity fetches and of whole pages
	for _, size := range []int{small, large} {
		for _, parallel := range []int{1, 16} {
			for _, protocol := range []string{"own", "net/http", "http2"} {
				b.Run(fmt.Sprintf("answer=%d/parallel=%d/client=%s", size, parallel, protocol), func(b *testing.B) {
					send := sender(b, protocol, answers(b, size))
					send()
					b.SetParallelism(parallel) // times GOMAXPROCS
					b.ReportAllocs()
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							send()
						}
					})
				})
			}
		}
	}
}

// answers serves bodies of one size over HTTP/1.1 and HTTP/2 without TLS.
func answers(b *testing.B, size int) string {
	body := append(append([]byte(`{"data":{"text":"`), bytes.Repeat([]byte("a"), size)...), `"}}`...)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	b.Cleanup(server.Close)
	return server.URL
}

func sender(b *testing.B, protocol, address string) func() {
	request := []byte(`{"query":"query($r:[_Any!]!){_entities(representations:$r){...on Product{text}}}","variables":{"r":[{"__typename":"Product","id":"1"}]}}`)
	options := subgraph.Subgraph{URL: address, HTTP2: protocol == "http2", Timeout: 10 * time.Second}
	if protocol == "net/http" {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}
		b.Cleanup(client.CloseIdleConnections)
		return func() {
			response, err := client.Post(address, "application/json", bytes.NewReader(request))
			if err != nil {
				b.Error(err)
				return
			}
			read := execute.NewBuffer(int(response.ContentLength))
			read.B = read.B[:response.ContentLength]
			if _, err := io.ReadFull(response.Body, read.B); err != nil {
				b.Error(err)
			}
			_ = response.Body.Close()
			read.Release()
		}
	}
	transport, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": options}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(transport.Close)
	return func() {
		body := execute.NewBuffer(len(request))
		body.B = append(body.B, request...)
		response, err := transport.Send(b.Context(), &execute.SubgraphRequest{Subgraph: "a", Kind: operation.Query, Body: body})
		body.Release()
		if err != nil {
			b.Error(err)
			return
		}
		response.Body.Release()
	}
}

// BenchmarkLeadingSend sends queries that others could join, for callers with more time than the subgraph
// has and with less. One iteration is a query that nobody joins.
func BenchmarkLeadingSend(b *testing.B) {
	for name, limit := range map[string]time.Duration{"more": time.Hour, "less": time.Minute} {
		b.Run("time="+name, func(b *testing.B) {
			transport, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{
				"a": {URL: answers(b, 200), Deduplicate: true, Timeout: 2 * time.Minute},
			}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(transport.Close)
			body := execute.NewBuffer(0)
			body.B = append(body.B, `{"query":"{ text }"}`...)
			ctx, cancel := context.WithTimeout(b.Context(), limit)
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				response, err := transport.Send(ctx, &execute.SubgraphRequest{Subgraph: "a", Kind: operation.Query, Body: body})
				if err != nil {
					b.Fatal(err)
				}
				response.Body.Release()
			}
		})
	}
}
