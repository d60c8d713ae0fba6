package graphql_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	product "souk/subgraphs/product/graph"
)

// A slowCatalogue lists its categories when they are released.
type slowCatalogue struct {
	*product.Resolver
	released *chan struct{}
}

func (c slowCatalogue) Query() product.QueryResolver {
	return slowQuery{QueryResolver: c.Resolver.Query(), released: c.released}
}

type slowQuery struct {
	product.QueryResolver
	released *chan struct{}
}

func (q slowQuery) Categories(context.Context) ([]*product.Category, error) {
	<-*q.released
	return nil, nil
}

func (slowQuery) Category(context.Context, string) (*product.Category, error) { return nil, nil }

func TestLargeOperationsRunOneAtATime(t *testing.T) {
	var released chan struct{}
	service := serve(t, product.NewExecutableSchema(product.Config{Resolvers: slowCatalogue{Resolver: &product.Resolver{}, released: &released}}))
	synctest.Test(t, func(t *testing.T) {
		released = make(chan struct{}) // created in the synctest bubble
		ask := func(query string) string {
			return post(service, `{"query":"`+query+`"}`).Body.String()
		}
		const large = `{ categories { products(first: 50) { nodes { category { products(first: 50) { nodes { name } } } } } } }`
		var running sync.WaitGroup
		answers := make(chan string, max(1, runtime.GOMAXPROCS(0)/2))
		for range cap(answers) {
			running.Go(func() { answers <- ask(large) })
		}
		synctest.Wait()
		if got := ask(`{ category(slug: \"x\") { name } }`); got != `{"data":{"category":null}}` {
			t.Errorf("small operation: got %s", got)
		}
		if got := ask(large); !strings.Contains(got, `"OVERLOADED"`) {
			t.Errorf("large operation beyond the limit: got %s", got)
		}
		close(released)
		running.Wait()
		close(answers)
		for got := range answers {
			if got != `{"data":{"categories":[]}}` {
				t.Errorf("large operation: got %s", got)
			}
		}
	})
}
