package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/vektah/gqlparser/v2/validator/core"
)

// usageError adds how a command is written to what is wrong with its flags or arguments.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	line := cmd.UseLine()
	if cmd.HasSubCommands() && len(arguments(cmd)) == 0 {
		line = cmd.CommandPath() + " COMMAND"
	}
	return fmt.Errorf("%s\nusage: %s; `%s --help` describes it", fmt.Sprintf(format, args...), line, cmd.CommandPath())
}

// flagError says what is wrong with a flag, and what to write.
func flagError(cmd *cobra.Command, err error) error {
	if given := cmd.Flags().Args(); len(given) > 0 && cmd.HasSubCommands() && len(arguments(cmd)) == 0 {
		return unknownCommand(cmd, given[0]) // whose flags these are
	}
	unknown, empty, wrong := (*pflag.NotExistError)(nil), (*pflag.ValueRequiredError)(nil), (*pflag.InvalidValueError)(nil)
	switch {
	case errors.As(err, &unknown):
		return usageError(cmd, "%v%s", err, nearFlag(cmd, unknown))
	case errors.As(err, &empty):
		flag := empty.GetFlag()
		return usageError(cmd, "--%s needs a value, as in --%s %s: %s", flag.Name, flag.Name, sampleValue(flag), flag.Usage)
	case errors.As(err, &wrong):
		flag := wrong.GetFlag()
		return usageError(cmd, "--%s is %q; it must be %s, such as %s", flag.Name, wrong.GetValue(), valueKind(flag), sampleValue(flag))
	}
	return usageError(cmd, "%v", err)
}

// nearFlag says which flag an unknown one may mean.
func nearFlag(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	name := unknown.GetSpecifiedName()
	if long := unknown.GetSpecifiedShortnames(); len(long) > 1 {
		name = long // -config, of which pflag reads -c
	}
	name, _, _ = strings.Cut(name, "=")
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean --%s?", near)
	}
	return ""
}

// nearest returns the name that is spelt most like another one, or "".
func nearest(name string, names []string) string {
	if slices.Contains(names, name) {
		return name
	}
	if found := core.SuggestionList(name, names); len(found) > 0 {
		return found[0]
	}
	return ""
}

func valueKind(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "bool":
		return "true or false"
	case "duration":
		return "a time"
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number that is not negative"
	}
	return "a value"
}

func sampleValue(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "bool":
		return "true"
	case "duration":
		return "30s"
	case "int", "uint64":
		if _, err := strconv.Atoi(flag.DefValue); err == nil && flag.DefValue != "0" {
			return flag.DefValue
		}
		return "1"
	}
	if flag.DefValue != "" && !strings.HasPrefix(flag.DefValue, "[") {
		return flag.DefValue
	}
	return "VALUE"
}

// checkArguments makes a command say which of its arguments are missing, or are too many. They
// are named in its usage, as in `check --against OLD [NEW]`.
func checkArguments(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if err := checkExclusive(cmd); err != nil {
			return err
		}
		err := check(cmd, given)
		if err == nil {
			return nil
		}
		names := arguments(cmd)
		switch {
		case len(given) > len(names) && len(names) == 0 && cmd.HasSubCommands():
			return unknownCommand(cmd, given[0])
		case len(given) > len(names) && len(names) == 0:
			return usageError(cmd, "`%s` takes no arguments, but there is %q%s", cmd.CommandPath(), given[0], fileFlag(cmd, given[0]))
		case len(given) > len(names):
			return usageError(cmd, "`%s` takes %s, but there is also %q", cmd.CommandPath(), strings.Join(names, " and "), given[len(names)])
		case len(given) < len(names):
			return usageError(cmd, "`%s` needs %s", cmd.CommandPath(), strings.Join(names[len(given):], " and "))
		}
		return usageError(cmd, "%v", err)
	}
}

// checkOutput refuses an empty name of the file to write, such as that of a variable that is not
// set.
func checkOutput(cmd *cobra.Command, output string) error {
	if output != "" {
		return nil
	}
	return usageError(cmd, "--output is empty; name %s", cmd.Flags().Lookup("output").Usage)
}

// fileFlag says with which flag a command takes a file.
func fileFlag(cmd *cobra.Command, file string) string {
	name := map[string]string{".yaml": "config", ".yml": "config", ".graphql": "supergraph", ".graphqls": "supergraph"}[filepath.Ext(file)]
	if cmd.Flags().Lookup(name) == nil {
		return ""
	}
	return fmt.Sprintf("; did you mean --%s %s?", name, shellWord(file))
}

// arguments returns the names of the arguments in the usage of a command.
func arguments(cmd *cobra.Command) (names []string) {
	words := strings.Fields(cmd.Use)[1:]
	for i, word := range words {
		if name := strings.Trim(word, "[]"); !strings.HasPrefix(word, "-") && (i == 0 || !strings.HasPrefix(words[i-1], "--")) {
			names = append(names, name)
		}
	}
	return names
}

func unknownCommand(cmd *cobra.Command, given string) error {
	names := commandNames(cmd)
	near := "; the commands are " + strings.Join(names, ", ")
	if len(names) == 0 {
		near = "; it has no commands"
	}
	if name := nearest(given, names); name != "" {
		near = fmt.Sprintf("; did you mean `%s %s`?", cmd.CommandPath(), name)
	}
	return usageError(cmd, "unknown command %q for %q%s", given, cmd.CommandPath(), near)
}

// exclusiveFlags is the annotation of a command with flags of which only one can be given.
const exclusiveFlags = "souk-exclusive"

// exclusive makes a command refuse several of its flags together.
func exclusive(cmd *cobra.Command, names ...string) {
	cmd.MarkFlagsMutuallyExclusive(names...) // for completion
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[exclusiveFlags] = strings.Join(names, " ")
}

func checkExclusive(cmd *cobra.Command) error {
	var set []string
	for _, name := range strings.Fields(cmd.Annotations[exclusiveFlags]) {
		if cmd.Flags().Changed(name) {
			set = append(set, "--"+name)
		}
	}
	if len(set) > 1 {
		return usageError(cmd, "%s cannot be used together; leave out one of them", strings.Join(set, " and "))
	}
	return nil
}

// newHelp is the command help, which refuses commands that do not exist.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Describe a command",
		RunE: func(cmd *cobra.Command, words []string) error {
			about, rest, err := cmd.Root().Find(words)
			if err != nil {
				return unmade(err)
			}
			if len(rest) > 0 {
				return unmade(unknownCommand(about, rest[0]))
			}
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, words []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if about, rest, err := cmd.Root().Find(words); err == nil && len(rest) == 0 {
				names = commandNames(about)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// commandNames returns the names of the commands below one.
func commandNames(cmd *cobra.Command) (names []string) {
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	return names
}
