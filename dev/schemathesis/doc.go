// Package schemathesis tests the REST API of the whole store against its own
// OpenAPI document, with Schemathesis from PyPI: the document must state every
// limit, status and response that the store has.
//
// schemathesis_test.go starts the store and runs the program, which
// requirements.txt pins and schemathesis.toml configures. hooks.py replaces values
// whose limits depend on the store's data or on other values, so that no schema
// can state them.
package schemathesis
