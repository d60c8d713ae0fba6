// Package browser tests the pages of the store in Chromium. It checks that they
// work, and that axe-core finds no serious or critical accessibility problem in
// them, at desktop and phone widths, in light and dark mode.
//
// The tests start the whole store. They need Chromium, and for axe-core Node.js
// with npm; without them they are skipped. `go test ./dev/browser -screenshots
// DIR` saves screenshots of the tested pages.
package browser
