// Package jsonscan finds the ends of JSON values in bytes, without decoding
// them. It accepts exactly RFC 8259 in valid UTF-8, without escapes of unpaired
// surrogates, which no Unicode text has (section 8.2): what it has passed can
// be copied into another JSON text as it is.
//
// All functions take the text and an index, and give the index after what
// they scanned. A negative result n says that the text is not JSON at index
// ^n.
package jsonscan
