// Command souk is a GraphQL Federation v2 gateway, and a store of five
// services to run behind it.
package main

import (
	"os"

	"souk/cli"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(cli.Main(cli.WithVersion(version))) }
