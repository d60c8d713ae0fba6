package record

// The bounds of a Recorder's memory. The comments have the memory at most in use; the sum is
// below 30 MB. TestMemoryIsBounded measures it.
const (
	// Seconds is the period that all statistics cover, in seconds.
	Seconds = 3600

	maxOperations = 256 // distinct operations; 14 KB of statistics each: 3.5 MB
	maxSubgraphs  = 128 // 14 KB each: 1.8 MB
	maxClients    = 64  // 14 KB each: 0.9 MB. Also the bits of a client set in usage.go.
	maxFields     = 20_000
	maxErrors     = 256

	maxDocument     = 8 << 10  // bytes of an operation's text in the table: 2 MB
	maxTracedText   = 64 << 10 // bytes of an operation's text in a trace
	maxName         = 200      // bytes of a name
	maxClientName   = 64
	maxMessage      = 300     // bytes of an error message
	maxKeptCodes    = 16      // capacity of the pooled list of codes
	maxKeptFetches  = 64      // capacity of the pooled list of fetches
	maxTracedBytes  = 4 << 20 // of each of the two rings of traces: 8 MB
	maxShare        = 8       // a trace larger than this part of its ring is not kept
	maxReloads      = 32
	maxChanges      = 200 // of a reload
	maxInvalidation = 100

	// The buffers hold operations until they are counted, and as many for reuse: at most
	// maxBuffered each, in all shards together. They take 1 KB, or 6 KB if all fail: 6 MB.
	// There is a shard for each processor.
	maxShards   = 16
	maxBuffered = 1024
	// together is how many operations of a shard are counted together: few, so that they are
	// still in the processor's cache.
	together = 16
	// largeText is the size of a new document from which its operation is counted at once,
	// so that the buffers cannot hold many large documents.
	largeText = 4 << 10
)
