package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"souk/internal/backup"
)

// backupTimeout bounds the commands of `souk backup`.
const backupTimeout = 2 * time.Hour

func newBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Copy backups of the store to a bucket and back",
	}
	cmd.AddCommand(newBackupUpload(), newBackupDownload(), newBackupList())
	return cmd
}

const bucketVariables = `Variables: BACKUP_URL (the address of a bucket of an S3-compatible store, with a folder or
without, such as https://s3.example/backups/souk), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_REGION.`

func newBackupUpload() *cobra.Command {
	keep, asJSON := 0, false
	cmd := &cobra.Command{
		Use:   "upload DIRECTORY",
		Short: "Upload the backups of a directory, and record the newest one",
		Long: `Upload the backups of a directory that the bucket lacks, delete old ones there, and record
the newest one. Without BACKUP_URL, only record it. The record is the table backups of DATABASE_URL,
which the alert BackupMissing reads; without DATABASE_URL there is none.

` + bucketVariables,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keep < 1 {
				return fmt.Errorf("--keep is %d; it must be at least 1", keep)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), backupTimeout)
			defer cancel()
			done := []string{}
			report := func(format string, arguments ...any) {
				if done = append(done, fmt.Sprintf(format, arguments...)); !asJSON {
					fmt.Fprintln(cmd.OutOrStdout(), done[len(done)-1])
				}
			}
			bucket, err := backup.Open(os.LookupEnv)
			switch {
			case errors.Is(err, backup.ErrNoBucket):
				report("BACKUP_URL is not set: nothing is uploaded")
			case err != nil:
				return err
			default:
				if err := bucket.Upload(ctx, args[0], keep, report); err != nil {
					return err
				}
			}
			if err := recordBackup(ctx, args[0]); err != nil || !asJSON {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), map[string][]string{"done": done})
		},
	}
	jsonFlag(cmd, &asJSON, "what was done")
	cmd.Flags().IntVar(&keep, "keep", 30, "how many backups stay in the bucket")
	return checking(cmd)
}

// recordBackup records the newest backup of a directory in the database, if there is one.
func recordBackup(ctx context.Context, directory string) error {
	database := os.Getenv("DATABASE_URL")
	if database == "" {
		return nil
	}
	local, err := backup.Local(directory)
	if err != nil {
		return err
	}
	return backup.Record(ctx, database, local[len(local)-1])
}

func newBackupDownload() *cobra.Command {
	name, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "download DIRECTORY",
		Short: "Download a backup from the bucket, and compare it with its checksums",
		Long:  "Download a backup from the bucket, the newest one by default, and compare it with its checksums.\n\n" + bucketVariables,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), backupTimeout)
			defer cancel()
			bucket, err := backup.Open(os.LookupEnv)
			if err != nil {
				return err
			}
			got, err := bucket.Download(ctx, name, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"downloaded": got})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "downloaded %s\n", got)
			return err
		},
	}
	jsonFlag(cmd, &asJSON, "the name of the backup")
	cmd.Flags().StringVar(&name, "name", "", "the backup, such as 2026-11-29T02-17-08.412Z (default the newest one)")
	return checking(cmd)
}

func newBackupList() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the backups in the bucket, oldest first",
		Long:  "List the complete backups in the bucket, oldest first.\n\n" + bucketVariables,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), backupTimeout)
			defer cancel()
			bucket, err := backup.Open(os.LookupEnv)
			if err != nil {
				return err
			}
			names, err := bucket.List(ctx)
			if err == nil && asJSON {
				return writeJSON(cmd.OutOrStdout(), append([]string{}, names...))
			}
			for _, name := range names {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return err
		},
	}
	jsonFlag(cmd, &asJSON, "the names of the backups")
	return checking(cmd)
}
