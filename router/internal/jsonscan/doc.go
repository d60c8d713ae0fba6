// Package jsonscan reads JSON without decoding what nobody asks for. It is the
// router's only reader of JSON from outside: request bodies, variables, and
// responses of subgraphs.
//
// It accepts exactly RFC 8259 in valid UTF-8, without escapes of unpaired
// surrogates, which no Unicode text has (section 8.2). What it accepts can be
// copied into another JSON text as it is.
//
// There are three ways to read, each built on the one before:
//
//   - scan.go has functions that take a text and an index and return the index
//     after what they scanned. A negative result n says that the text is not
//     JSON at index ^n. The executor merges responses with these.
//   - [Reader] visits one token after another and reports errors with their
//     place. Bodies and variables are read with it.
//   - [Parse] builds a tree of [Node]. REST bodies are read with it.
//
// [Marshal] encodes errors for people to read.
package jsonscan
