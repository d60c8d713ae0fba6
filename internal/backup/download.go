package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Download copies the files of a backup to a directory, the newest one if name is empty, and
// compares them with SHA256SUMS. It returns the name of the backup.
func (b *Bucket) Download(ctx context.Context, name, dir string) (string, error) {
	found, err := b.files(ctx)
	if err != nil {
		return "", err
	}
	names := complete(found)
	switch {
	case len(names) == 0:
		return "", errors.New("the bucket has no complete backup at BACKUP_URL")
	case name == "":
		name = names[len(names)-1]
	case !slices.Contains(names, name):
		return "", fmt.Errorf("the bucket has no complete backup %s; it has %s", name, strings.Join(names, ", "))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, file := range found[name] {
		if err := b.getFile(ctx, root, name, file); err != nil {
			return "", fmt.Errorf("downloading %s of the backup %s: %w", file, name, err)
		}
	}
	if _, err := verify(root); err != nil {
		return "", fmt.Errorf("the backup %s: %w", name, err)
	}
	return name, nil
}

func (b *Bucket) getFile(ctx context.Context, root *os.Root, name, file string) (err error) {
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name+"/"+file, minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer object.Close()
	local, err := root.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(local, object)
	return errors.Join(err, local.Close())
}

// verify compares the files of a directory with its SHA256SUMS, and returns their names.
func verify(root *os.Root) (files []string, err error) {
	list, err := root.Open(sums)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		want, file, found := strings.Cut(lines.Text(), "  ")
		if !found {
			return nil, fmt.Errorf("%s has the line %q, which is no checksum", sums, lines.Text())
		}
		got, err := sum(root, file)
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("%s is damaged: its SHA-256 is %s, and %s has %s", file, got, sums, want)
		}
		files = append(files, file)
	}
	if lines.Err() == nil && len(files) == 0 {
		return nil, fmt.Errorf("%s is empty", sums)
	}
	return files, lines.Err()
}

func sum(root *os.Root, file string) (string, error) {
	content, err := root.Open(file)
	if err != nil {
		return "", err
	}
	defer content.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, content); err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
