// Package onlyflags parses the arguments of commands that take nothing but flags.
package onlyflags

import (
	"flag"
	"fmt"
)

// Parse is set.Parse, but any other argument is an error: like unknown flags, it is printed with the flags that there are.
func Parse(set *flag.FlagSet, arguments []string) error {
	if err := set.Parse(arguments); err != nil {
		return err
	}
	if set.NArg() == 0 {
		return nil
	}
	err := fmt.Errorf("there is no argument %q", set.Arg(0))
	fmt.Fprintf(set.Output(), "%v; there are these flags:\n", err)
	set.PrintDefaults()
	return err
}
