// Package order is the order service: it places and cancels orders, keeps
// everything that happened to them, and answers the graph's questions about
// them.
//
// A request goes through graph (GraphQL and who may see what) to checkout,
// which decides, asking the user, product and inventory services, and ledger,
// which keeps orders as events. What crashes at which step leave behind is
// told in package checkout. order.created and order.cancelled go out through
// the outbox.
package order
