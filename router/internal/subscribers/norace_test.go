//go:build !race

package subscribers_test

const underRace = false
