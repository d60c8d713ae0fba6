package cli

import (
	"github.com/spf13/cobra"

	"souk/router"
	"souk/router/hook"
)

// An Option extends the souk command. [Main] with options has all commands of souk, and what
// the options add.
type Option func(*program)

// program holds the values that options set.
type program struct {
	name, version string
	extend        []func(*router.Extensions) error
	commands      []*cobra.Command
}

func newProgram(options []Option) *program {
	p := &program{name: "souk", version: "dev"}
	for _, option := range options {
		option(p)
	}
	return p
}

// WithName sets the name of the program in help and messages.
func WithName(name string) Option { return func(p *program) { p.name = name } }

// WithVersion sets the version that --version prints. It also appears in traces and in the
// OpenAPI description.
func WithVersion(version string) Option { return func(p *program) { p.version = version } }

// WithHooks adds hooks to the routers of the commands router and dev. Several of these
// options accumulate, in order.
func WithHooks(hooks ...hook.Hooks) Option {
	return WithExtensions(func(x *router.Extensions) error {
		x.Hooks = append(x.Hooks, hooks...)
		return nil
	})
}

// WithExtensions registers a function that adds extensions to the routers of the commands
// router and dev. It is called once, when the command starts, so it may read settings and
// open connections. If it returns an error, the command fails. Several of these functions are
// called in order.
func WithExtensions(extend func(*router.Extensions) error) Option {
	return func(p *program) { p.extend = append(p.extend, extend) }
}

// WithCommands adds commands.
func WithCommands(commands ...*cobra.Command) Option {
	return func(p *program) { p.commands = append(p.commands, commands...) }
}

// extensions calls the registered functions and returns the extensions of a router.
func (p *program) extensions() (router.Extensions, error) {
	var x router.Extensions
	for _, extend := range p.extend {
		if err := extend(&x); err != nil {
			return x, err
		}
	}
	return x, nil
}
