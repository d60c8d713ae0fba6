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

// An owner is the user whom a server's process and files belong to when souk
// itself runs as root; nil for souk's own user.
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
	return nil, fmt.Errorf("postgres refuses to run as root, and there is neither a user postgres nor a user nobody to run it as: run souk as another user, or set DATABASE_URL")
}

// take gives a file or directory to the owner.
func (o *owner) take(path string) error {
	if o == nil {
		return nil
	}
	if err := os.Chown(path, o.uid, o.gid); err != nil {
		return fmt.Errorf("giving %s to the user of postgres: %w", path, err)
	}
	return nil
}

// reachable gives dir itself, or a directory standing for it in a public
// place where the owner may not pass through dir's parents.
func (o *owner) reachable(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the data directory of postgres: %w", err)
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
