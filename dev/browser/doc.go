// Package browser tests the pages of the store in Chromium: that axe-core finds
// no serious or critical fault in them, at the width of a desk and of a
// telephone, in light and in dark, and that they do what they are for.
//
// The tests start the whole store. They need Chromium, and for axe-core Node.js
// with npm; without them they are skipped. The traffic is that of k6, if it is
// found. `make browser` runs them, and `make verify` does. With SOUK_BROWSER=1,
// `go test ./dev/browser -screenshots DIR` keeps pictures of what was tested, and
// `make pictures` renews those of the documentation.
//
// store_test.go is the hub: it has the tests that share one store. browser_test.go
// has the browser and its tabs. The other files test the pages:
//
//	accessibility_test.go   all pages with axe-core
//	pages_test.go           the playground's examples and the inbox
//	console_test.go         the console of the store
//	console_events_test.go  its Events view while services are away
//	console_router_test.go  the console of a router alone: token, reloads, faults
//	console_live_test.go    what stays while the console's data changes
//	console_kept_test.go    what views keep while the router is away
//	console_unknown_test.go what the console shows of what its API does not know
//	console_design_test.go  widths, contrast and legends of the console
//	console_room_test.go    text and maps within the console's windows
//	pictures_test.go        the pictures of the documentation
package browser
