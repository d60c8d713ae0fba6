package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"souk/router/internal/jsonscan"
)

// A request selects a page of a connection by limit and optionally by after or before, which
// take a cursor from a Link header. They become the connection arguments of GraphQL: limit and
// after become first and after, limit and before become last and before.

const (
	limitParameter  = "limit"
	afterParameter  = "after"
	beforeParameter = "before"
)

// variables returns the operation's variables that select the page.
func (p *paging) variables() []string {
	if p.backward {
		return []string{"first", "after", "last", "before"}
	}
	return []string{"first", "after"}
}

// parameters returns the query parameters that select the page.
func (p *paging) parameters() []string {
	if p.backward {
		return []string{limitParameter, afterParameter, beforeParameter}
	}
	return []string{limitParameter, afterParameter}
}

// pageParameters converts limit, after and before to the arguments of the connection.
func (q *request) pageParameters(query url.Values) {
	p := q.route.page
	limit := p.size
	if given := query.Get(limitParameter); query.Has(limitParameter) {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > p.maxSize {
			q.refuse(violation{In: "query", Name: limitParameter, Detail: fmt.Sprintf("must be an integer from 1 to %d, not %q", p.maxSize, given)})
			return
		}
		limit = n
	}
	after, before := query.Get(afterParameter), query.Get(beforeParameter)
	count, cursor, at := "first", "after", after
	if query.Has(beforeParameter) && p.backward {
		if query.Has(afterParameter) {
			q.refuse(violation{In: "query", Name: beforeParameter, Detail: "cannot be given together with after", Hint: "give one of them"})
			return
		}
		count, cursor, at = "last", "before", before
	}
	q.set(count, strconv.AppendInt(nil, int64(limit), 10))
	if query.Has(cursor) {
		q.set(cursor, quote(nil, at))
	}
}

// headers sets the Link header (RFC 8288) for the neighboring pages, and X-Total-Count.
func (p *paging) headers(r *http.Request, data *jsonscan.Node, header http.Header) {
	connection := data
	for _, key := range p.connection {
		connection, _ = connection.Member(key)
		if connection.IsNull() {
			return
		}
	}
	if total, ok := connection.Member("totalCount"); ok && !total.IsNull() {
		header.Set("X-Total-Count", total.ScalarText())
	}
	info, _ := connection.Member("pageInfo")
	if info.IsNull() {
		return
	}
	var links []string
	link := func(relation, parameter, cursor string) {
		query := r.URL.Query()
		query.Del(afterParameter)
		query.Del(beforeParameter)
		if parameter != "" {
			query.Set(parameter, cursor)
		}
		target := r.URL.EscapedPath()
		if encoded := query.Encode(); encoded != "" {
			target += "?" + encoded
		}
		links = append(links, fmt.Sprintf("<%s>; rel=%q", target, relation))
	}
	towards := func(relation, has, cursor, parameter string) {
		more, _ := info.Member(has)
		at, _ := info.Member(cursor)
		if !more.IsNull() && string(more.Raw) == "true" && !at.IsNull() {
			link(relation, parameter, at.Text)
		}
	}
	towards("next", "hasNextPage", "endCursor", afterParameter)
	if p.backward {
		towards("prev", "hasPreviousPage", "startCursor", beforeParameter)
	}
	link("first", "", "")
	header.Set("Link", strings.Join(links, ", "))
}
