// Package browser tests the pages of the store in Chromium: that axe-core finds
// no serious or critical fault in them, at the width of a desk and of a
// telephone, in light and in dark, and that they do what they are for.
//
// The tests start the whole store. They need Chromium, and for axe-core Node.js
// with npm; without them they are skipped. `go test ./dev/browser -screenshots
// DIR` keeps pictures of what was tested.
package browser
