// Package tlsfile makes TLS configurations of PEM files, and makes them again when the files
// change, as they do when a certificate is renewed.
//
// A [Source] has the configuration in use. Whoever opens connections asks it for each new one;
// connections that are open keep theirs. Files that cannot be used, such as a certificate
// without its key because only one of them has been replaced yet, leave the configuration as it
// is. source.go is the hub, client.go and server.go make configurations.
package tlsfile
