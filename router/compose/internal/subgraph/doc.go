// Package subgraph reads the SDL of a subgraph and validates it by the rules of
// GraphQL and Federation. [Upgrade] makes Federation 2 subgraphs of Federation 1
// ones.
//
// The hub is read.go. version.go has versions and URLs of specifications, link.go
// the links of a schema, and spec.go the specifications that are known; define.go
// adds their elements to a schema. build.go, fill.go, convert.go and description.go
// build the schema of a document. names.go finds directives by their names in
// Federation, fieldset.go resolves selections of fields, and external.go tells which
// fields a subgraph resolves. validate.go runs the checks of graphql.go and of
// rules.go, rules_fields.go and rules_context.go. upgrade.go and upgrade_inactive.go
// upgrade.
package subgraph
