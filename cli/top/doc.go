// Package top shows a router's console in a terminal. It reads the console's JSON API, which
// docs/console.md describes, on the admin port of the router.
//
// api.go has the client and the responses, snapshot.go collects those that one screen shows.
// once.go prints a snapshot for scripts. The interactive view is a bubbletea program:
// model.go has its state and reacts to messages, keys.go to keys; view.go draws the screen,
// table.go and tables.go its tables, details.go and waterfall.go what is below a row. text.go
// has functions for texts, and run.go starts the program.
package top
