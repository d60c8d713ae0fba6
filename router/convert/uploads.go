package convert

import "strconv"

// multipartEnabled disables uploads if their protocol is disabled.
func multipartEnabled(c *conversion, n *node, _ []string) {
	if n.is("false") {
		c.out.at("file_uploads", "enabled").text = "false"
		c.note(n, Converted, "file_uploads.enabled", "")
		return
	}
	unless("true", "uploads have no other protocol").convert(c, n, nil)
}

// uploadDefaults writes the limits of uploads that the input does not set. Other routers limit the
// files of a request together only by their number.
func (c *conversion) uploadDefaults(files, bytes string) {
	if !c.out.has("file_uploads") {
		return
	}
	c.fallback(files, "file_uploads", "max_files")
	c.fallback(bytes, "file_uploads", "max_file_bytes")
	n, err := strconv.Atoi(c.out.at("file_uploads", "max_files").text)
	size, err2 := strconv.Atoi(c.out.at("file_uploads", "max_file_bytes").text)
	if err == nil && err2 == nil {
		c.fallback(strconv.Itoa(n*size), "file_uploads", "max_total_bytes")
	}
}
