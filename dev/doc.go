// Package dev runs the whole of Souk in one process: a Postgres, a Redis, an
// inbox for the messages the store sends, the five services and the router,
// each on a port of its own, filled with a believable shop. It is what
// `souk dev` is, and what the end-to-end tests start.
package dev
