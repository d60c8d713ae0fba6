// Package backup copies the backups of manifests/13-backup.yaml to a bucket of an
// S3-compatible store and back.
//
// A backup is a directory with the dumps of the databases and SHA256SUMS, and is named after
// its time, such as 2026-11-29T02-17-08.412Z. In the bucket, its files have the same names.
// SHA256SUMS is written last and deleted first: a backup without it is not complete.
//
//	bucket.go    where the bucket is
//	upload.go    to the bucket, and which backups stay there
//	download.go  from the bucket
//	record.go    when the last backup was made, for Prometheus
package backup
