// Package config reads the router's configuration: a YAML file in which an
// unknown key is an error, environment variables inside it, and defaults for
// all that is left out. It gives a [Config], which the gateway and the stages
// it wires are made from; programs that embed the gateway fill one in
// themselves, beginning with [Default].
//
// Precedence is flag, environment, file, default: [Load] covers the last two
// and the environment inside the file, [Config.ApplyEnvironment] the variables
// that stand for single keys, and flags are the command's.
package config
