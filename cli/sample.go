package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"souk/dev"
	"souk/subgraphs"
)

// A generated store has one user for ordersPerUser orders, and at least
// leastUsers, unless --users says otherwise.
const (
	ordersPerUser = 5
	leastUsers    = 20
)

const sampleHelp = `Fill a store with generated products, stock, users, orders, payments and notifications.

The store must not be running. Without other settings, this is the store that
"souk dev" with the same --dir or DATABASE_URL runs. To fill the databases of
separate services, set USER_DATABASE_URL, INVENTORY_DATABASE_URL,
PRODUCT_DATABASE_URL, ORDER_DATABASE_URL, NOTIFICATION_DATABASE_URL and
PAYMENT_DATABASE_URL. A store that has data is refused unless --add is given.

The orders are of the last three years. The same flags give the same data; its
times are relative to now. Generated users have no password. An empty store also
gets the users of "souk dev".`

func newSample() *cobra.Command {
	options := subgraphs.SampleOptions{}
	target := dev.SampleTarget{}
	days, asJSON := 0, false
	cmd := &cobra.Command{
		Use:   "sample",
		Short: "Fill a store with generated data, to try it at a large size",
		Long:  sampleHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("users") && options.Orders > 0 {
				options.Users = max(leastUsers, options.Orders/ordersPerUser)
			}
			if options.Products < 0 || options.Orders < 0 || options.Users < 0 || days < 0 {
				return errors.New("--products, --orders, --users and --notification-days must not be negative")
			}
			if err := options.Check(); err != nil {
				return err
			}
			var err error
			if target.Databases, err = separateDatabases(os.Getenv); err != nil {
				return err
			}
			target.DatabaseURL = os.Getenv("DATABASE_URL")
			options.Now = time.Now()
			options.NotifiedSince = options.Now.AddDate(0, 0, -days)
			progress := cmd.OutOrStdout()
			if asJSON {
				progress = cmd.ErrOrStderr()
			}
			options.Report = func(line string) { fmt.Fprintln(progress, line) }
			fmt.Fprintf(progress, "Generating %d products and %d orders of %d users\n", options.Products, options.Orders, options.Users)
			if err := dev.Sample(cmd.Context(), target, options); err != nil || !asJSON {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), map[string]int{"products": options.Products, "orders": options.Orders, "users": options.Users})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&options.Products, "products", 10_000, "how many products to generate")
	flags.IntVar(&options.Orders, "orders", 50_000, "how many orders to generate")
	flags.IntVar(&options.Users, "users", 0, "how many users to generate (default: one for five orders)")
	flags.Uint64Var(&options.Seed, "seed", 1, "another seed gives other data")
	flags.IntVar(&days, "notification-days", 90, "the number of days back to which there are notifications about orders")
	flags.BoolVar(&options.Add, "add", false, "add to a store that has data")
	flags.StringVar(&target.Dir, "dir", ".souk", "the directory of the store")
	jsonFlag(cmd, &asJSON, "what was generated")
	return checking(cmd)
}

// separateDatabases returns the URLs of the databases that the environment
// sets, by name, or nil if it sets none.
func separateDatabases(get func(string) string) (map[string]string, error) {
	urls := map[string]string{}
	var missing []string
	for _, name := range dev.DatabaseNames() {
		variable := strings.ToUpper(name) + "_DATABASE_URL"
		if url := get(variable); url != "" {
			urls[name] = url
		} else {
			missing = append(missing, variable)
		}
	}
	if len(urls) == 0 {
		return nil, nil
	}
	if missing != nil {
		return nil, errors.New("set " + strings.Join(missing, ", ") + ", too, or none of these variables")
	}
	return urls, nil
}
