package cli

import (
	"github.com/spf13/cobra"

	"souk/router"
	"souk/router/hook"
)

// An Option makes a binary of a program's own: [Main] with options is souk with
// all its commands, and what the program adds.
type Option func(*program)

// program is what the options say.
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

// WithName names the program in help and messages.
func WithName(name string) Option { return func(p *program) { p.name = name } }

// WithVersion is what --version says, and the version in traces and in the
// OpenAPI description.
func WithVersion(version string) Option { return func(p *program) { p.version = version } }

// WithHooks adds hooks to the routers that the commands router and dev run.
// Several of these options add to each other, in their order.
func WithHooks(hooks ...hook.Hooks) Option {
	return WithExtensions(func(x *router.Extensions) error {
		x.Hooks = append(x.Hooks, hooks...)
		return nil
	})
}

// WithExtensions lets a function add extensions to the routers that the commands
// router and dev run. It is called once, when such a command starts, so that it
// may read its settings and connect; its error ends the command. Several of these
// options are called in their order.
func WithExtensions(extend func(*router.Extensions) error) Option {
	return func(p *program) { p.extend = append(p.extend, extend) }
}

// WithCommands adds commands of the program's own.
func WithCommands(commands ...*cobra.Command) Option {
	return func(p *program) { p.commands = append(p.commands, commands...) }
}

// extensions gives what the options add to a router.
func (p *program) extensions() (router.Extensions, error) {
	var x router.Extensions
	for _, extend := range p.extend {
		if err := extend(&x); err != nil {
			return x, err
		}
	}
	return x, nil
}
