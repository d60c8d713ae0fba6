package compose_test

import (
	"maps"
	"slices"
	"strings"

	"souk/router/compose"
)

// federation is the header of a Federation 2 subgraph.
const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@tag", "@interfaceObject", "@composeDirective", "@authenticated", "@requiresScopes", "@cost", "@listSize", "@extends"])
`

// A composition is a list of subgraphs and the codes of the expected errors, none
// if they compose.
type composition struct {
	name      string
	codes     []string
	subgraphs map[string]string // name → SDL; the federation header is added unless it starts with a comment
}

func (c composition) list() []compose.Subgraph {
	var all []compose.Subgraph
	for _, name := range slices.Sorted(maps.Keys(c.subgraphs)) {
		sdl := c.subgraphs[name]
		if !strings.HasPrefix(sdl, "#") {
			sdl = federation + sdl
		}
		all = append(all, compose.Subgraph{Name: name, URL: "http://" + name + "/graphql", SDL: sdl})
	}
	return all
}

type sdls = map[string]string

// compositions are valid and invalid cases with the codes of @apollo/composition.
var compositions = []composition{
	{name: "one subgraph", codes: nil, subgraphs: sdls{"a": `type Query { a: Int }`}},
	{name: "an entity in two subgraphs", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "id") { id: ID! b: Int }`}},
	{name: "a key with a nested key", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "org { id } n") { org: Org! n: Int! } type Org @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "org { id } n") { org: Org! n: Int! b: Int } type Org @key(fields: "id") { id: ID! name: String }`}},
	{name: "requires and provides", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: Int @external cost: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{name: "an overridden field", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int @override(from: "a") }`}},
	{name: "an interface object", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type X implements I @key(fields: "id") { id: ID! } type Y implements I @key(fields: "id") { id: ID! }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`}},
	{name: "unions and enums with more members in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { u: U e: E } union U = A type A { a: Int } enum E { ONE }`,
		"b": `type Query { v: U @shareable } union U = B type B { b: Int }`}},
	{name: "input types with a common field", codes: nil, subgraphs: sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int b: Int }`,
		"b": `type Query { g(i: I): Int } input I { a: Int }`}},
	{name: "inaccessible and tagged", codes: nil, subgraphs: sdls{
		"a": `type Query { f: Int g: G @inaccessible } type G @inaccessible { x: Int @tag(name: "internal") }`,
		"b": `type Query { h: Int @tag(name: "public") }`}},
	{name: "authenticated and scopes", codes: nil, subgraphs: sdls{
		"a": `type Query { f: Int @authenticated g: Int @requiresScopes(scopes: [["read"]]) }`}},
	{name: "cost and list size", codes: nil, subgraphs: sdls{
		"a": `type Query { f(first: Int @cost(weight: 2)): [T] @listSize(slicingArguments: ["first"], requireOneSlicingArgument: false) } type T @cost(weight: 5) { a: Int }`}},
	{name: "mutations and subscriptions in two subgraphs", codes: nil, subgraphs: sdls{
		"a": `type Query { a: Int } type Mutation { a: Int } type Subscription { a: Int }`,
		"b": `type Mutation { b: Int }`}},
	{name: "subscriptions fed by events", codes: nil, subgraphs: sdls{
		"a": `extend schema @link(url: "https://souk.dev/events/v1.0", import: ["@eventStream"]) @composeDirective(name: "@eventStream") directive @eventStream(provider: String!, topic: String!, filter: String, payload: String) on FIELD_DEFINITION type Subscription { t(id: ID!): T @eventStream(provider: "shop", topic: "t.{args.id}", filter: "event.n > 1") } type T @key(fields: "id", resolvable: false) { id: ID! }`,
		"b": `type Query { t: T } type T @key(fields: "id") { id: ID! n: Int }`}},
	{name: "a field nullable in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @shareable } type T @shareable { f: Int! }`,
		"b": `type Query { t: T @shareable } type T @shareable { f: Int }`}},
	{name: "provided fields of a union's members", codes: nil, subgraphs: sdls{
		"a": `type Query { u: U @provides(fields: "... on T { n }") } union U = T type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int @shareable }`}},

	{name: "no query type", codes: []string{"NO_QUERIES"}, subgraphs: sdls{"a": `type T { a: Int }`}},
	{name: "a key of an unknown field", codes: []string{"KEY_INVALID_FIELDS"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "nope") { id: ID! }`}},
	{name: "a key that is not a string", codes: []string{"KEY_INVALID_FIELDS_TYPE"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: 5) { id: ID! }`}},
	{name: "a key with arguments", codes: []string{"KEY_FIELDS_HAS_ARGS"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "f") { f(x: Int): Int }`}},
	{name: "a key of a list", codes: []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "u { __typename }") { u: U } union U = T`}},
	{name: "requires of a field without external", codes: []string{"REQUIRES_FIELDS_MISSING_EXTERNAL"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int cost: Int @requires(fields: "w") }`}},
	{name: "requires of an unknown field", codes: []string{"REQUIRES_INVALID_FIELDS"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "id") { id: ID! cost: Int @requires(fields: "w") }`}},
	{name: "provides on a scalar", codes: []string{"PROVIDES_ON_NON_OBJECT_FIELD"}, subgraphs: sdls{"a": `type Query { t: Int @provides(fields: "w") }`}},
	{name: "provides of a field without external", codes: []string{"PROVIDES_FIELDS_MISSING_EXTERNAL"}, subgraphs: sdls{"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: Int }`}},
	{name: "provides of an unknown field", codes: []string{"PROVIDES_INVALID_FIELDS"}, subgraphs: sdls{"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! }`}},
	{name: "an external field that no subgraph defines", codes: []string{"EXTERNAL_MISSING_ON_BASE"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! }`}},
	{name: "an unused external field", codes: []string{"EXTERNAL_UNUSED"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int }`}},
	{name: "an external field with another type", codes: []string{"EXTERNAL_TYPE_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: String @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{name: "an external field without an argument", codes: []string{"EXTERNAL_ARGUMENT_MISSING"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external c: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int }`}},
	{name: "a field resolved by two subgraphs", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{name: "a field shared by only one subgraph", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @shareable }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{name: "a provided field that is not shared", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{name: "a union's provided field that is not shared", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { u: U @provides(fields: "... on T { n }") } union U = T type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{name: "a provided field below another", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "p { n }") } type T @key(fields: "id") { id: ID! p: P @external } type P @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! p: P @shareable } type P @key(fields: "id") { id: ID! n: Int }`}},
	{name: "an interface's provided field that is not shared", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { i: I @provides(fields: "... on T { n }") } interface I { id: ID! } type T implements I @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{name: "a field with two types", codes: []string{"FIELD_TYPE_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { t: T @shareable } type T @shareable { f: Int }`,
		"b": `type Query { t: T @shareable } type T @shareable { f: String }`}},
	{name: "an argument with two types", codes: []string{"FIELD_ARGUMENT_TYPE_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { f(x: Int): Int @shareable }`,
		"b": `type Query { f(x: String): Int @shareable }`}},
	{name: "an argument with two default values", codes: []string{"FIELD_ARGUMENT_DEFAULT_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { f(x: Int = 1): Int @shareable }`,
		"b": `type Query { f(x: Int = 2): Int @shareable }`}},
	{name: "a required argument in one subgraph", codes: []string{"REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH"}, subgraphs: sdls{
		"a": `type Query { f(x: Int!): Int @shareable }`,
		"b": `type Query { f: Int @shareable }`}},
	{name: "a required input field in one subgraph", codes: []string{"REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH"}, subgraphs: sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int b: Int! }`,
		"b": `type Query { g(i: I): Int } input I { a: Int }`}},
	{name: "an input field with two default values", codes: []string{"INPUT_FIELD_DEFAULT_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int = 1 }`,
		"b": `type Query { g(i: I): Int } input I { a: Int = 2 }`}},
	{name: "inputs with nothing in common", codes: []string{"EMPTY_MERGED_INPUT_TYPE"}, subgraphs: sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int }`,
		"b": `type Query { g(i: I): Int } input I { b: Int }`}},
	{name: "a different enum for input and output", codes: []string{"ENUM_VALUE_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { f(e: E): E } enum E { ONE TWO }`,
		"b": `type Query { g(e: E): E } enum E { ONE }`}},
	{name: "a type with two kinds", codes: []string{"TYPE_KIND_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { t: T } type T { f: Int }`,
		"b": `type Query { u: T } interface T { f: Int }`}},
	{name: "an override from the same subgraph", codes: []string{"OVERRIDE_FROM_SELF_ERROR"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "a") }`}},
	{name: "an override of an override", codes: []string{"OVERRIDE_SOURCE_HAS_OVERRIDE", "INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "b") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int @override(from: "a") }`}},
	{name: "an override of an external field", codes: []string{"OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "f") } type T @key(fields: "id") { id: ID! f: Int @external @override(from: "b") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int @shareable }`}},
	{name: "a field that cannot be reached", codes: []string{"SATISFIABILITY_ERROR"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @shareable { f: Int }`,
		"b": `type Query { u: T } type T @shareable { f: Int g: Int }`}},
	{name: "a key that is not resolvable", codes: []string{"SATISFIABILITY_ERROR"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type Query { b: Int } type T @key(fields: "id", resolvable: false) { id: ID! g: Int }`}},
	{name: "a used inaccessible type", codes: []string{"REFERENCED_INACCESSIBLE"}, subgraphs: sdls{"a": `type Query { f: Int t: T } type T @inaccessible { a: Int }`}},
	{name: "only inaccessible fields", codes: []string{"ONLY_INACCESSIBLE_CHILDREN"}, subgraphs: sdls{"a": `type Query { f: Int t: T } type T { a: Int @inaccessible }`}},
	{name: "an inaccessible field of an interface", codes: []string{"IMPLEMENTED_BY_INACCESSIBLE"}, subgraphs: sdls{"a": `type Query { i: I } interface I { a: Int } type T implements I { a: Int @inaccessible b: Int }`}},
	{name: "an inaccessible required argument", codes: []string{"REQUIRED_INACCESSIBLE"}, subgraphs: sdls{"a": `type Query { f(x: Int! @inaccessible): Int }`}},
	{name: "an inaccessible query type", codes: []string{"QUERY_ROOT_TYPE_INACCESSIBLE"}, subgraphs: sdls{"a": `type Query @inaccessible { f: Int }`}},
	{name: "an interface field missing in one implementation", codes: []string{"INTERFACE_FIELD_NO_IMPLEM"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I { a: Int } type T implements I @key(fields: "id") { id: ID! a: Int @shareable }`,
		"b": `type Query { j: I } interface I { a: Int b: Int } type U implements I { a: Int b: Int }`}},
	{name: "an interface object without an interface", codes: []string{"INTERFACE_OBJECT_USAGE_ERROR"}, subgraphs: sdls{
		"a": `type Query { f: Int }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`}},
	{name: "a shared subscription", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `type Query { a: Int } type Subscription { s: Int @shareable }`,
		"b": `type Subscription { s: Int @shareable }`}},
	{name: "an unknown composed directive", codes: []string{"DIRECTIVE_COMPOSITION_ERROR"}, subgraphs: sdls{"a": `extend schema @composeDirective(name: "@nope") type Query { a: Int }`}},
	{name: "a shareable interface field", codes: []string{"INVALID_SHAREABLE_USAGE"}, subgraphs: sdls{"a": `type Query { i: I } interface I { a: Int @shareable } type T implements I { a: Int }`}},
	{name: "a root type with two names", codes: nil, subgraphs: sdls{
		"a": `schema { query: Q } type Q { a: Int }`,
		"b": `type Query { b: Int }`}},
	{name: "an unknown directive", codes: []string{"INVALID_GRAPHQL"}, subgraphs: sdls{"a": `type Query { a: Int @nope }`}},
	{name: "an unknown type", codes: []string{"INVALID_GRAPHQL"}, subgraphs: sdls{"a": `type Query { a: Nope }`}},
	{name: "an unknown argument", codes: []string{"INVALID_GRAPHQL"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(field: "id") { id: ID! }`}},
	{name: "a type defined twice", codes: []string{"INVALID_GRAPHQL"}, subgraphs: sdls{"a": `type Query { t: T } type T { a: Int } type T { b: Int }`}},
	{name: "a missing interface field", codes: []string{"INVALID_GRAPHQL"}, subgraphs: sdls{"a": `type Query { i: I } interface I { a: Int } type T implements I { b: Int }`}},
	{name: "a negative list size", codes: []string{"LIST_SIZE_INVALID_ASSUMED_SIZE"}, subgraphs: sdls{"a": `type Query { f: [Int] @listSize(assumedSize: -1) }`}},
	{name: "a list size on a field that is not a list", codes: []string{"LIST_SIZE_APPLIED_TO_NON_LIST"}, subgraphs: sdls{"a": `type Query { f: Int @listSize(assumedSize: 1) }`}},
	{name: "an unknown slicing argument", codes: []string{"LIST_SIZE_INVALID_SLICING_ARGUMENT"}, subgraphs: sdls{"a": `type Query { f: [Int] @listSize(slicingArguments: ["first"]) }`}},
	{name: "an unknown sized field", codes: []string{"LIST_SIZE_INVALID_SIZED_FIELD"}, subgraphs: sdls{"a": `type Query { f: T @listSize(assumedSize: 1, sizedFields: ["x"]) } type T { y: [Int] }`}},

	{name: "a key of a union", codes: []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "u { ... on V { a } }") { u: U } union U = V type V { a: Int }`}},
	{name: "a key of an interface", codes: []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "i { a }") { i: I } interface I { a: Int } type V implements I { a: Int }`}},
	{name: "a key of a list of scalars", codes: nil, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "ids") { ids: [ID!]! }`}},
	{name: "a union inside a key", codes: []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "p { u { __typename } }") { p: P } type P { u: U } union U = V type V { a: Int }`}},
	{name: "a directive in a key", codes: []string{"KEY_DIRECTIVE_IN_FIELDS_ARG"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "id @deprecated") { id: ID! }`}},
	{name: "a directive in provides", codes: []string{"PROVIDES_DIRECTIVE_IN_FIELDS_ARG"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "w @include(if: true)") } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{name: "a directive in requires", codes: []string{"REQUIRES_DIRECTIVE_IN_FIELDS_ARG"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external c: Int @requires(fields: "w @include(if: true)") }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int }`}},
	{name: "provides with arguments", codes: []string{"PROVIDES_FIELDS_HAS_ARGS"}, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "w(x: 1)") } type T @key(fields: "id") { id: ID! w(x: Int): Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int @shareable }`}},
	{name: "requires with arguments", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w(x: Int): Int @external c: Int @requires(fields: "w(x: 1)") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int }`}},
	{name: "provides that is not a string", codes: []string{"PROVIDES_INVALID_FIELDS_TYPE"}, subgraphs: sdls{"a": `type Query { t: T @provides(fields: 1) } type T @key(fields: "id") { id: ID! }`}},
	{name: "requires that is not a string", codes: []string{"REQUIRES_INVALID_FIELDS_TYPE"}, subgraphs: sdls{"a": `type Query { t: T } type T @key(fields: "id") { id: ID! c: Int @requires(fields: 1) }`}},
	{name: "provides on an interface", codes: []string{"PROVIDES_UNSUPPORTED_ON_INTERFACE"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I { t: T @provides(fields: "w") } type J implements I { t: T } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{name: "requires on an interface", codes: []string{"REQUIRES_UNSUPPORTED_ON_INTERFACE", "REQUIRES_FIELDS_MISSING_EXTERNAL"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I { a: Int b: Int @requires(fields: "a") } type J implements I { a: Int b: Int }`}},
	{name: "external on an interface", codes: []string{"EXTERNAL_ON_INTERFACE", "EXTERNAL_UNUSED"}, subgraphs: sdls{"a": `type Query { i: I } interface I { a: Int @external } type J implements I { a: Int }`}},
	{name: "an external argument with another type", codes: []string{"REQUIRES_INVALID_FIELDS"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w(x: String): Int @external c: Int @requires(fields: "w(x: 1)") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int }`}},
	{name: "an external argument with another default value", codes: []string{"EXTERNAL_ARGUMENT_DEFAULT_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w(x: Int = 1): Int @external c: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int = 2): Int }`}},
	{name: "an interface key missing on an implementation", codes: []string{"INTERFACE_KEY_NOT_ON_IMPLEMENTATION"}, subgraphs: sdls{"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I { id: ID! }`}},
	{name: "an interface key and an implementation in another subgraph", codes: []string{"INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { j: I } interface I { id: ID! } type K implements I @key(fields: "id") { id: ID! }`,
		"c": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`}},
	{name: "an interface key and an implementation in another subgraph, without interface objects", codes: []string{"INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { j: I } interface I { id: ID! } type K implements I @key(fields: "id") { id: ID! }`}},
	{name: "an interface key that is not resolvable", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id", resolvable: false) { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { j: I } interface I { id: ID! } type K implements I @key(fields: "id") { id: ID! }`}},
	{name: "a shared interface field with disjoint types", codes: []string{"SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES"}, subgraphs: sdls{
		"a": `type Query { i: I @shareable } interface I { x: Int } type A implements I @shareable { x: Int }`,
		"b": `type Query { i: I @shareable } interface I { x: Int } type B implements I @shareable { x: Int }`}},
	{name: "a shared interface field with common types", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I @shareable } interface I { x: Int } type A implements I @shareable { x: Int }`,
		"b": `type Query { i: I @shareable } interface I { x: Int } type A implements I @shareable { x: Int } type B implements I @shareable { x: Int }`}},
	{name: "an external field of an object used by its interface", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I } interface I { x: Int } type A implements I @key(fields: "id") { id: ID! x: Int @external }`,
		"b": `type A @key(fields: "id") { id: ID! x: Int }`}},
	{name: "an interface object and an implementation in one subgraph", codes: []string{"INTERFACE_OBJECT_USAGE_ERROR"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int } type J @key(fields: "id") { id: ID! }`}},
	{name: "an interface object without a key", codes: []string{"INTERFACE_OBJECT_USAGE_ERROR"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { k: I } type I @interfaceObject { id: ID! extra: Int }`}},
	{name: "a query that is not the root", codes: []string{"ROOT_QUERY_USED"}, subgraphs: sdls{"a": `schema { query: Q } type Q { a: Query } type Query { b: Int }`}},
	{name: "a mutation that is not the root", codes: []string{"ROOT_MUTATION_USED"}, subgraphs: sdls{"a": `schema { query: Query mutation: M } type Query { a: Mutation } type M { a: Int } type Mutation { b: Int }`}},
	{name: "input enums with nothing in common", codes: []string{"EMPTY_MERGED_ENUM_TYPE"}, subgraphs: sdls{
		"a": `type Query { f(e: E): Int } enum E { ONE }`,
		"b": `type Query { g(e: E): Int } enum E { TWO }`}},
	{name: "a default that is inaccessible", codes: []string{"DEFAULT_VALUE_USES_INACCESSIBLE"}, subgraphs: sdls{"a": `type Query { f(e: E = ONE): Int } enum E { ONE @inaccessible TWO }`}},
	{name: "a link to an unknown version", codes: []string{"INVALID_LINK_DIRECTIVE_USAGE"}, subgraphs: sdls{"a": `extend schema @link(url: "https://specs.apollo.dev/link/v7.0") type Query { a: Int }`}},
	{name: "an extension of an unknown type", codes: []string{"EXTENSION_WITH_NO_BASE"}, subgraphs: sdls{"a": `type Query { a: Int } extend type T @key(fields: "id") { id: ID! @external f: Int }`}},
	{name: "an override on an interface", codes: []string{"OVERRIDE_ON_INTERFACE"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I { a: Int @override(from: "b") } type J implements I { a: Int }`,
		"b": `type Query { b: Int }`}},
	{name: "an override with an invalid label", codes: []string{"OVERRIDE_LABEL_INVALID"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "b", label: "%") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{name: "a progressive override", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "b", label: "percent(10)") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{name: "a tag on an external field", codes: []string{"MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external @tag(name: "x") c: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int }`}},
	{name: "a cost on an interface's field", codes: []string{"COST_APPLIED_TO_INTERFACE_FIELD"}, subgraphs: sdls{"a": `type Query { i: I } interface I { a: Int @cost(weight: 1) } type J implements I { a: Int }`}},
	{name: "a shared union field with disjoint types", codes: []string{"SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES"}, subgraphs: sdls{
		"a": `type Query { u: U @shareable } union U = A | B type A @shareable { x: Int } type B @shareable { x: Int }`,
		"b": `type Query { u: U @shareable } union U = C type C @shareable { x: Int }`}},
	{name: "requires of a field that cannot be fetched", codes: []string{"SATISFIABILITY_ERROR"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external c: Int @requires(fields: "w") }`,
		"b": `type Query { b: Int } type T @key(fields: "x") { x: ID! id: ID! @shareable w: Int }`}},
	{name: "a chain of keys", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "id") @key(fields: "sku") { id: ID! sku: ID! }`,
		"c": `type T @key(fields: "sku") { sku: ID! f: Int }`}},
	{name: "a broken chain of keys", codes: []string{"SATISFIABILITY_ERROR"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type Query { b: Int } type T @key(fields: "id") @key(fields: "sku") { id: ID! sku: ID! @external }`,
		"c": `type Query { c: Int } type T @key(fields: "sku") { sku: ID! f: Int }`}},
	{name: "an interface field that one subgraph cannot reach", codes: []string{"SATISFIABILITY_ERROR"}, subgraphs: sdls{
		"a": `type Query { i: I } interface I { id: ID! } type J implements I @shareable { id: ID! }`,
		"b": `type Query { b: Int } interface I { id: ID! n: Int } type J implements I @shareable { id: ID! n: Int }`}},
	{name: "a union member missing in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { u: U } union U = A type A @key(fields: "id") { id: ID! }`,
		"b": `type Query { v: U } union U = A | B type A @key(fields: "id") { id: ID! n: Int } type B { b: Int }`}},
	{name: "a field of a union type and of a member type", codes: nil, subgraphs: sdls{
		"a": `type Query { best: Prize @shareable box: Box @shareable } type Box @shareable { won: Prize } type Prize @key(fields: "id") { id: ID! } union Win = Prize | Lot type Lot @key(fields: "id") { id: ID! } type Mutation { draw: Win }`,
		"b": `type Query { best: Win @shareable box: Box @shareable } type Box @shareable { won: Win } type Prize @key(fields: "id") { id: ID! } union Win = Prize`}},
	{name: "a list of an interface and of its implementation", codes: nil, subgraphs: sdls{
		"a": `type Query { c: Cage @shareable } type Cage @shareable { pets: [Dog!]! } interface Pet { name: String } type Dog implements Pet @shareable { name: String }`,
		"b": `type Query { c: Cage @shareable } type Cage @shareable { pets: [Pet!] } interface Pet { name: String } type Dog implements Pet @shareable { name: String }`}},
	{name: "a field of an interface and of an interface that implements it", codes: nil, subgraphs: sdls{
		"a": `type Query { z: Zoo @shareable } type Zoo @shareable { of: Pet } interface Pet { name: String } interface Beast { name: String } type Dog implements Pet & Beast @shareable { name: String }`,
		"b": `type Query { z: Zoo @shareable } type Zoo @shareable { of: Beast } interface Beast { name: String } interface Pet implements Beast { name: String } type Dog implements Pet & Beast @shareable { name: String }`}},
	{name: "a field that is a list in one subgraph only", codes: []string{"FIELD_TYPE_MISMATCH"}, subgraphs: sdls{
		"a": `type Query { z: Zoo @shareable } type Zoo @shareable { of: [Dog] } type Dog @shareable { name: String } union Pet = Dog`,
		"b": `type Query { z: Zoo @shareable } type Zoo @shareable { of: Pet } type Dog @shareable { name: String } union Pet = Dog`}},
	{name: "an interface field of a union type and of a member type", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I @shareable } interface I { won: Prize } type T implements I @shareable { won: Prize } type Prize @key(fields: "id") { id: ID! } union Win = Prize`,
		"b": `type Query { i: I @shareable } interface I { won: Win } type T implements I @shareable { won: Win } type Prize @key(fields: "id") { id: ID! } union Win = Prize | Lot type Lot { x: Int }`}},
	{name: "an interface field nullable in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I @shareable } interface I { n: Int! } type T implements I @shareable { n: Int! }`,
		"b": `type Query { i: I @shareable } interface I { n: Int } type T implements I @shareable { n: Int }`}},
	{name: "an interface object with requires", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! n: Int } type X implements I @key(fields: "id") { id: ID! n: Int }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! n: Int @external twice: Int @requires(fields: "n") }`}},
	{name: "a root field nullable in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { n: Int! @shareable }`,
		"b": `type Query { n: Int @shareable }`}},
	{name: "a shared root field that provides in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @shareable @provides(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID! n: Int @shareable }`}},
	{name: "requires by fragments on interfaces", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! of: Top } interface Top { x: Int } interface Mid implements Top { x: Int y: Int } type One implements Top & Mid @shareable { x: Int y: Int one: Int } type Two implements Top & Mid @shareable { x: Int y: Int two: Int } type Far implements Top @shareable { x: Int }`,
		"b": `type T @key(fields: "id") { id: ID! of: Top @external sum: Int @requires(fields: "of { x ... on Mid { y ... on One { one } ... on Two { two } } }") } interface Top { x: Int } interface Mid implements Top { x: Int y: Int } type One implements Top & Mid @shareable { x: Int y: Int one: Int } type Two implements Top & Mid @shareable { x: Int y: Int two: Int }`}},
	{name: "requires by a fragment on an interface of a field that cannot be fetched", codes: []string{"SATISFIABILITY_ERROR"}, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! of: Top } interface Top { x: Int } interface Mid implements Top { x: Int } type One implements Top & Mid @shareable { x: Int }`,
		"b": `type T @key(fields: "id") { id: ID! of: Top @external sum: Int @requires(fields: "of { ... on Mid { y } }") } interface Top { x: Int } interface Mid implements Top { x: Int y: Int } type One implements Top & Mid { x: Int @shareable y: Int @external }`,
		"c": `type Query { one: One } type One @shareable { x: Int y: Int }`}},
	{name: "a mutation that returns an entity", codes: nil, subgraphs: sdls{
		"a": `type Query { a: Int } type Mutation { m: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{name: "a subgraph of Federation 1", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `# Federation 1
extend type T @key(fields: "id") { id: ID! @external n: Int }`}},
	{name: "a renamed import", codes: []string{"INVALID_FIELD_SHARING"}, subgraphs: sdls{
		"a": `# own
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {name: "@provides", as: "@gives"}]) type Query { t: T @gives(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @federation__external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{name: "a renamed import, shared", codes: nil, subgraphs: sdls{
		"a": `# own
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {name: "@provides", as: "@gives"}]) type Query { t: T @gives(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @federation__external }`,
		"b": `# own
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {name: "@shareable", as: "@shared"}]) type T @key(fields: "id") { id: ID! n: Int @shared }`}},
	{name: "a recursive input object", codes: nil, subgraphs: sdls{"a": `type Query { f(i: I): Int } input I { i: I a: Int = 1 }`}},
	{name: "repeatable tags in two subgraphs", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @shareable } type T @shareable @tag(name: "x") { f: Int @tag(name: "a") }`,
		"b": `type Query { t: T @shareable } type T @shareable @tag(name: "y") { f: Int @tag(name: "a") @tag(name: "b") }`}},
	{name: "a field deprecated in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @shareable } type T @shareable { f: Int @deprecated(reason: "old") }`,
		"b": `type Query { t: T @shareable } type T @shareable { f: Int }`}},
	{name: "descriptions in two subgraphs", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @shareable } "What T is." type T @shareable { "What f is." f("What x is." x: Int): Int }`,
		"b": `type Query { t: T @shareable } "What T is." type T @shareable { f(x: Int): Int }`}},
	{name: "an argument missing in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { f(x: Int, y: Int = 2): Int @shareable }`,
		"b": `type Query { f(x: Int): Int @shareable }`}},
	{name: "an interface with more implementations in one subgraph", codes: nil, subgraphs: sdls{
		"a": `type Query { i: I } interface I { a: Int } type T implements I @key(fields: "id") { id: ID! a: Int @shareable }`,
		"b": `type Query { j: I } interface I { a: Int } type T implements I @key(fields: "id") { id: ID! a: Int @shareable } type U implements I { a: Int }`}},
	{name: "an external type", codes: nil, subgraphs: sdls{
		"a": `type Query { t: T @provides(fields: "p { x }") } type T @key(fields: "id") { id: ID! p: P @external } type P @external { x: Int }`,
		"b": `type T @key(fields: "id") { id: ID! p: P @shareable } type P @shareable { x: Int y: Int }`}},
	{name: "a scalar in two subgraphs", codes: nil, subgraphs: sdls{
		"a": `type Query { d: D @shareable } scalar D @specifiedBy(url: "https://example.com/d")`,
		"b": `type Query { d: D @shareable } scalar D @specifiedBy(url: "https://example.com/d")`}},
}
