package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/minio/minio-go/v7"
)

// Local returns the names of the complete backups in a directory, oldest first.
func Local(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the backups: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && named.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no complete backup in %s", dir)
	}
	slices.Sort(names)
	return names, nil
}

// Upload copies the backups of a directory that the bucket lacks, also those of earlier runs
// that failed. Then the newest keep backups stay in the bucket. It calls report for each backup
// that it has uploaded or deleted.
func (b *Bucket) Upload(ctx context.Context, dir string, keep int, report func(format string, arguments ...any)) error {
	local, err := Local(dir)
	if err != nil {
		return err
	}
	remote, err := b.files(ctx)
	if err != nil {
		return err
	}
	there := complete(remote)
	wanted := slices.Concat(local, there)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	wanted = wanted[max(0, len(wanted)-keep):]
	for _, name := range local {
		if !slices.Contains(wanted, name) || slices.Contains(there, name) {
			continue
		}
		if err := b.put(ctx, dir, name); err != nil {
			return err
		}
		report("uploaded %s", name)
	}
	for _, name := range slices.Sorted(maps.Keys(remote)) {
		if name >= wanted[0] {
			break
		}
		if err := b.remove(ctx, name, remote[name]); err != nil {
			return err
		}
		report("deleted %s", name)
	}
	return nil
}

// put uploads the files of a backup, SHA256SUMS last, after it has compared them with it.
func (b *Bucket) put(ctx context.Context, dir, name string) error {
	root, err := os.OpenRoot(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := verify(root)
	if err != nil {
		return fmt.Errorf("the backup %s: %w", name, err)
	}
	for _, file := range append(files, sums) {
		if err := b.putFile(ctx, root, name, file); err != nil {
			return fmt.Errorf("uploading %s of the backup %s: %w", file, name, err)
		}
	}
	return nil
}

func (b *Bucket) putFile(ctx context.Context, root *os.Root, name, file string) error {
	content, err := root.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	info, err := content.Stat()
	if err != nil {
		return err
	}
	_, err = b.client.PutObject(ctx, b.name, b.prefix+name+"/"+file, content, info.Size(), minio.PutObjectOptions{SendContentMd5: true})
	return err
}

// remove deletes the files of a backup, SHA256SUMS first.
func (b *Bucket) remove(ctx context.Context, name string, files []string) (err error) {
	slices.SortFunc(files, func(x, y string) int {
		switch sums {
		case x:
			return -1
		case y:
			return 1
		}
		return 0
	})
	for _, file := range files {
		err = errors.Join(err, b.client.RemoveObject(ctx, b.name, b.prefix+name+"/"+file, minio.RemoveObjectOptions{}))
		if err != nil {
			return fmt.Errorf("deleting the backup %s: %w", name, err)
		}
	}
	return nil
}
