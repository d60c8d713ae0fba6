package pgserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// An owner is the user that runs the server and owns its files if souk runs as
// root; nil stands for souk's own user.
type owner struct {
	uid, gid int
}

func serverOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			continue
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			continue
		}
		return &owner{uid: uid, gid: gid}, nil
	}
	return nil, fmt.Errorf("postgres cannot run as root, and neither the user postgres nor nobody exists; run souk as another user, or set DATABASE_URL")
}

// take changes the owner of a file or directory.
func (o *owner) take(path string) error {
	if o == nil {
		return nil
	}
	if err := os.Chown(path, o.uid, o.gid); err != nil {
		return fmt.Errorf("changing the owner of %s: %w", path, err)
	}
	return nil
}

// reachable returns dir if the owner can access it. Otherwise it returns a
// directory below /var/tmp that stands for dir.
func (o *owner) reachable(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolving the data directory of Postgres: %w", err)
	}
	if o == nil {
		return dir, nil
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			sum := sha256.Sum256([]byte(dir))
			return filepath.Join("/var/tmp", "souk-"+hex.EncodeToString(sum[:6])), nil
		}
		if parent == filepath.Dir(parent) {
			return dir, nil
		}
	}
}
