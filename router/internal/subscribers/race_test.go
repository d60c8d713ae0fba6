//go:build race

package subscribers_test

// underRace is set if the race detector needs memory, too.
const underRace = true
