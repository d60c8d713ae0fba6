// Package remote fetches a text that is kept elsewhere and changes from time to time: at a URL,
// in an OCI registry, or in a bucket with the API of S3. The router reads supergraphs and trusted
// documents so.
//
// The hub is source.go: [New] returns the [Source] for an address. http.go, oci.go and s3.go have
// the kinds, schedule.go says when to fetch again, and copy.go keeps a copy on disk.
package remote
