// Package jsonscan reads JSON and decodes only the values that its caller uses. The
// router reads request bodies, variables and responses of subgraphs with it.
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
//   - [Reader] (reader.go) visits one token after another and reports errors with
//     their position. Bodies and variables are read with it.
//   - [Parse] (node.go) builds a tree of [Node]. REST bodies are read with it.
//
// text.go and integer.go decode strings and integers, surrogate.go replaces unpaired
// surrogates, and syntax.go describes syntax errors. [Marshal] (encode.go) encodes
// values for error messages.
package jsonscan
