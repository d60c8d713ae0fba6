package cli

import (
	"errors"
	"fmt"
	"strings"

	"souk/router/convert"
	"souk/router/gateway/config"
)

// likeAnother is the number of unknown keys of another router that make a file look like its
// configuration.
const likeAnother = 2

// withPeers adds to the problems of a configuration file what its unknown keys are called here, if
// another router has them, and how to convert a file that looks like the configuration of that.
func withPeers(file string, err error) error {
	if text, wrong := readConfig(nil, file); file != "-" && wrong == nil && convert.IsTypeScript(string(text)) {
		return fmt.Errorf("%s is a TypeScript configuration of Hive Gateway, which is a program; convert it with `souk config convert --from hive %s`", file, file)
	}
	problems := config.Errors(nil)
	if !errors.As(err, &problems) {
		return err
	}
	unknown := map[string]bool{}
	for _, p := range problems {
		if p.Unknown != "" {
			unknown[p.Unknown] = strings.Contains(p.Message, "did you mean \"")
		}
	}
	like := convert.Compare(unknown)
	if like.Known == 0 {
		return err
	}
	var out config.Errors
	if like.Known >= likeAnother {
		out = append(out, &config.Error{File: file, Line: 1, Column: 1, Message: fmt.Sprintf(
			"this looks like a configuration of %s; convert it with `souk config convert --from %s %s`", like.Title, like.Name, file)})
	}
	for _, p := range problems {
		if note := like.Notes[p.Unknown]; note != "" {
			p = &config.Error{File: p.File, Line: p.Line, Column: p.Column, Unknown: p.Unknown, Message: fmt.Sprintf("unknown key %q; %s", p.Unknown, note)}
		}
		out = append(out, p)
	}
	return out
}
