// Package cli implements the souk command. It reads arguments, environment variables and
// files, and calls the packages that do the work. [Main] is the whole command; with
// [Option] values, a program can extend it with hooks, extensions and commands of its own.
//
// The hub is root.go, with the command tree. Each command has a file: router.go (with
// follow.go, which watches the configuration file, and running.go, which composes running
// subgraphs), init.go, dev.go (with
// graph.go, which serves any graph, and mocks.go, which mocks subgraphs), compose.go, schema.go,
// config.go (with convert.go, which converts the configuration of other routers, and likeness.go, which knows it), documents.go (with documents_check.go), lint.go, subgraph.go, plan.go, debug.go, top.go, service.go and payment.go for the services of the store, events.go for their dead
// letters, sample.go to fill them, backup.go for copies of the backups in a bucket, and replay.go for the order service. check.go is what
// commands have in common: JSON and exit statuses. usage.go says what is wrong with flags and
// arguments, shell.go quotes words of commands that are printed, and screen.go keeps text of other servers from controlling the terminal. complete.go has the values that shells
// complete. main.go handles signals and exit status,
// options.go the options, and version.go prints the version.
package cli
