package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"souk/internal/outfile"
	"souk/router/convert"
)

// maxConfigBytes bounds a configuration to convert, in bytes.
const maxConfigBytes = 4 << 20

func newConfigConvert() *cobra.Command {
	var from, output string
	var strict, force, asJSON bool
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Convert the configuration of Apollo, Cosmo or Hive Router",
		Long: "Convert a configuration of Apollo Router (router.yaml), Cosmo Router (config.yaml), Hive Router\n" +
			"(router.config.yaml) or Hive Gateway (gateway.config.ts, which is read and not run: what it\n" +
			"computes is reported) to a router.yaml of this router. It is valid once the variables are set\n" +
			"that it refers to: standard error and comments of the result name them. Each key that has\n" +
			"no equivalent, is not known or means something else is reported on standard error, with what\n" +
			"to use instead, and in comments of the result. What may have protected the graph, such as\n" +
			"authentication or a limit, comes first, and makes the exit status 1: the result is written, but\n" +
			"read these lines before you use it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(cmd, output); err != nil {
				return err
			}
			if outfile.Among(output, args[0]) != "" {
				return fmt.Errorf("--output is %s, the same file as %s, which is converted; name another file", output, args[0])
			}
			if from != "" {
				if err := oneOf("from", from, convert.Sources()...); err != nil {
					return err
				}
			}
			text, err := readConfig(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			result, err := convert.Convert(text, from)
			if err != nil {
				return fmt.Errorf("converting %s: %w", args[0], err)
			}
			if err := writeConverted(cmd, result, output, force, asJSON); err != nil {
				return err
			}
			return convertResult(args[0], result.Lost(), strict)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "the router that the configuration is for: "+strings.Join(convert.Sources(), ", ")+" (default: found out)")
	flags.StringVarP(&output, "output", "o", "-", "the file to write; - for standard output")
	flags.BoolVar(&force, "force", false, "overwrite an existing file")
	flags.BoolVar(&strict, "strict", false, "fail if a key is not converted as it is")
	flags.BoolVar(&asJSON, "json", false, "print the result and what became of each key as JSON")
	return checking(interruptible(cmd))
}

// convertResult fails if what may have protected the graph is lost, or, if strict, if any key
// differs.
func convertResult(file string, lost []convert.Note, strict bool) error {
	unprotected := 0
	for _, n := range lost {
		if n.Protection {
			unprotected++
		}
	}
	switch {
	case unprotected > 0:
		return failed(fmt.Sprintf("%s is converted, but %s that may have protected the graph; replace what the lines with \"protection lost\" name before you use the result", file, count(unprotected, "key is lost", "keys are lost")))
	case strict && len(lost) > 0:
		return failed(fmt.Sprintf("%s is not converted as it is: %s", file, count(len(lost), "key differs", "keys differ")))
	}
	return nil
}

// readConfig reads a configuration, or standard input for -.
func readConfig(stdin io.Reader, file string) ([]byte, error) {
	from := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration: %w", err)
		}
		defer func() { _ = opened.Close() }()
		from = opened
	}
	text, err := io.ReadAll(io.LimitReader(from, maxConfigBytes+1))
	if err == nil && len(text) > maxConfigBytes {
		err = fmt.Errorf("it is larger than %d MB", maxConfigBytes>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return text, nil
}

func writeConverted(cmd *cobra.Command, result *convert.Result, output string, force, asJSON bool) error {
	if asJSON {
		if output != "-" {
			return fmt.Errorf("--json prints to standard output; leave out --output")
		}
		return writeJSON(cmd.OutOrStdout(), result)
	}
	for _, n := range result.Lost() {
		fmt.Fprintln(cmd.ErrOrStderr(), n)
	}
	if len(result.Variables) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "set these variables where the router runs, and for `souk config validate`: %s\n", strings.Join(result.Variables, ", "))
	}
	if output == "-" {
		_, err := io.WriteString(cmd.OutOrStdout(), result.Config)
		return err
	}
	if _, err := os.Lstat(output); err == nil && !force {
		return fmt.Errorf("writing the configuration: %s is there already; --force overwrites it", output)
	}
	if err := outfile.Write(output, []byte(result.Config)); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}
