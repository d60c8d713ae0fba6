package events

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the SQL migrations of the tables that Append, Relay and
// Consume use (NNN_name.sql, tern's format).
func Migrations() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the pattern above embeds the directory
	}
	return files
}
