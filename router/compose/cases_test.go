package compose_test

import (
	"maps"
	"slices"
	"strings"

	"souk/router/compose"
)

// federation begins a subgraph of Federation 2.
const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@provides", "@external", "@shareable", "@inaccessible", "@override", "@tag", "@interfaceObject", "@composeDirective", "@authenticated", "@requiresScopes", "@cost", "@listSize", "@extends"])
`

// composition is some subgraphs and the codes of what is wrong with them; none
// when they compose.
type composition struct {
	name      string
	codes     []string
	subgraphs map[string]string // SDLs; federation is put before those that do not begin with a comment
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

// compositions holds what is valid and what is not against each other. The
// codes are those that @apollo/composition gives.
var compositions = []composition{
	{"one subgraph", nil, sdls{"a": `type Query { a: Int }`}},
	{"an entity of two", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "id") { id: ID! b: Int }`}},
	{"a key of keys", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "org { id } n") { org: Org! n: Int! } type Org @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "org { id } n") { org: Org! n: Int! b: Int } type Org @key(fields: "id") { id: ID! name: String }`}},
	{"requires and provides", nil, sdls{
		"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: Int @external cost: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{"an overridden field", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int @override(from: "a") }`}},
	{"an interface object", nil, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type X implements I @key(fields: "id") { id: ID! } type Y implements I @key(fields: "id") { id: ID! }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`}},
	{"unions and enums that grow", nil, sdls{
		"a": `type Query { u: U e: E } union U = A type A { a: Int } enum E { ONE }`,
		"b": `type Query { v: U @shareable } union U = B type B { b: Int }`}},
	{"inputs that intersect", nil, sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int b: Int }`,
		"b": `type Query { g(i: I): Int } input I { a: Int }`}},
	{"inaccessible and tagged", nil, sdls{
		"a": `type Query { f: Int g: G @inaccessible } type G @inaccessible { x: Int @tag(name: "internal") }`,
		"b": `type Query { h: Int @tag(name: "public") }`}},
	{"authenticated and scopes", nil, sdls{
		"a": `type Query { f: Int @authenticated g: Int @requiresScopes(scopes: [["read"]]) }`}},
	{"cost and list size", nil, sdls{
		"a": `type Query { f(first: Int @cost(weight: 2)): [T] @listSize(slicingArguments: ["first"], requireOneSlicingArgument: false) } type T @cost(weight: 5) { a: Int }`}},
	{"mutations and subscriptions of two", nil, sdls{
		"a": `type Query { a: Int } type Mutation { a: Int } type Subscription { a: Int }`,
		"b": `type Mutation { b: Int }`}},
	{"a nullable type of two", nil, sdls{
		"a": `type Query { t: T @shareable } type T @shareable { f: Int! }`,
		"b": `type Query { t: T @shareable } type T @shareable { f: Int }`}},
	{"a shared union's provided members", nil, sdls{
		"a": `type Query { u: U @provides(fields: "... on T { n }") } union U = T type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int @shareable }`}},

	{"no query", []string{"NO_QUERIES"}, sdls{"a": `type T { a: Int }`}},
	{"a key of no field", []string{"KEY_INVALID_FIELDS"}, sdls{"a": `type Query { t: T } type T @key(fields: "nope") { id: ID! }`}},
	{"a key that is no string", []string{"KEY_INVALID_FIELDS_TYPE"}, sdls{"a": `type Query { t: T } type T @key(fields: 5) { id: ID! }`}},
	{"a key with arguments", []string{"KEY_FIELDS_HAS_ARGS"}, sdls{"a": `type Query { t: T } type T @key(fields: "f") { f(x: Int): Int }`}},
	{"a key of a list", []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, sdls{"a": `type Query { t: T } type T @key(fields: "u { __typename }") { u: U } union U = T`}},
	{"requires of an own field", []string{"REQUIRES_FIELDS_MISSING_EXTERNAL"}, sdls{"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int cost: Int @requires(fields: "w") }`}},
	{"requires of no field", []string{"REQUIRES_INVALID_FIELDS"}, sdls{"a": `type Query { t: T } type T @key(fields: "id") { id: ID! cost: Int @requires(fields: "w") }`}},
	{"provides on a scalar", []string{"PROVIDES_ON_NON_OBJECT_FIELD"}, sdls{"a": `type Query { t: Int @provides(fields: "w") }`}},
	{"provides of an own field", []string{"PROVIDES_FIELDS_MISSING_EXTERNAL"}, sdls{"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: Int }`}},
	{"provides of no field", []string{"PROVIDES_INVALID_FIELDS"}, sdls{"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! }`}},
	{"an external field of nobody", []string{"EXTERNAL_MISSING_ON_BASE"}, sdls{
		"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! }`}},
	{"an external field that nothing uses", []string{"EXTERNAL_UNUSED"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int }`}},
	{"an external field of another type", []string{"FIELD_TYPE_MISMATCH", "EXTERNAL_TYPE_MISMATCH"}, sdls{
		"a": `type Query { t: T @provides(fields: "w") } type T @key(fields: "id") { id: ID! w: String @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{"an external field's missing argument", []string{"EXTERNAL_ARGUMENT_MISSING"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external c: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int }`}},
	{"two that resolve one field", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{"one of two shares", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @shareable }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{"a provided field that is not shared", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { t: T @provides(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{"a union's provided field that is not shared", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { u: U @provides(fields: "... on T { n }") } union U = T type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{"a provided field below another", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { t: T @provides(fields: "p { n }") } type T @key(fields: "id") { id: ID! p: P @external } type P @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! p: P @shareable } type P @key(fields: "id") { id: ID! n: Int }`}},
	{"an interface's provided field that is not shared", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { i: I @provides(fields: "... on T { n }") } interface I { id: ID! } type T implements I @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{"a field of two types", []string{"FIELD_TYPE_MISMATCH"}, sdls{
		"a": `type Query { t: T @shareable } type T @shareable { f: Int }`,
		"b": `type Query { t: T @shareable } type T @shareable { f: String }`}},
	{"an argument of two types", []string{"FIELD_ARGUMENT_TYPE_MISMATCH"}, sdls{
		"a": `type Query { f(x: Int): Int @shareable }`,
		"b": `type Query { f(x: String): Int @shareable }`}},
	{"an argument of two defaults", []string{"FIELD_ARGUMENT_DEFAULT_MISMATCH"}, sdls{
		"a": `type Query { f(x: Int = 1): Int @shareable }`,
		"b": `type Query { f(x: Int = 2): Int @shareable }`}},
	{"a required argument of one", []string{"REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH"}, sdls{
		"a": `type Query { f(x: Int!): Int @shareable }`,
		"b": `type Query { f: Int @shareable }`}},
	{"a required input field of one", []string{"REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH"}, sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int b: Int! }`,
		"b": `type Query { g(i: I): Int } input I { a: Int }`}},
	{"an input of two defaults", []string{"INPUT_FIELD_DEFAULT_MISMATCH"}, sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int = 1 }`,
		"b": `type Query { g(i: I): Int } input I { a: Int = 2 }`}},
	{"inputs with nothing in common", []string{"EMPTY_MERGED_INPUT_TYPE"}, sdls{
		"a": `type Query { f(i: I): Int } input I { a: Int }`,
		"b": `type Query { g(i: I): Int } input I { b: Int }`}},
	{"an enum both ways that differs", []string{"ENUM_VALUE_MISMATCH"}, sdls{
		"a": `type Query { f(e: E): E } enum E { ONE TWO }`,
		"b": `type Query { g(e: E): E } enum E { ONE }`}},
	{"a type of two kinds", []string{"TYPE_KIND_MISMATCH"}, sdls{
		"a": `type Query { t: T } type T { f: Int }`,
		"b": `type Query { u: T } interface T { f: Int }`}},
	{"an override of oneself", []string{"OVERRIDE_FROM_SELF_ERROR"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "a") }`}},
	{"an override of an override", []string{"OVERRIDE_SOURCE_HAS_OVERRIDE", "OVERRIDE_SOURCE_HAS_OVERRIDE"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "b") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int @override(from: "a") }`}},
	{"an override of an external field", []string{"OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE"}, sdls{
		"a": `type Query { t: T @provides(fields: "f") } type T @key(fields: "id") { id: ID! f: Int @external @override(from: "b") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int @shareable }`}},
	{"a way that does not lead on", []string{"SATISFIABILITY_ERROR"}, sdls{
		"a": `type Query { t: T } type T @shareable { f: Int }`,
		"b": `type Query { u: T } type T @shareable { f: Int g: Int }`}},
	{"a key that is not resolvable", []string{"SATISFIABILITY_ERROR"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type Query { b: Int } type T @key(fields: "id", resolvable: false) { id: ID! g: Int }`}},
	{"an inaccessible type that is used", []string{"REFERENCED_INACCESSIBLE"}, sdls{"a": `type Query { f: Int t: T } type T @inaccessible { a: Int }`}},
	{"only inaccessible fields", []string{"ONLY_INACCESSIBLE_CHILDREN"}, sdls{"a": `type Query { f: Int t: T } type T { a: Int @inaccessible }`}},
	{"an inaccessible field of an interface", []string{"IMPLEMENTED_BY_INACCESSIBLE"}, sdls{"a": `type Query { i: I } interface I { a: Int } type T implements I { a: Int @inaccessible b: Int }`}},
	{"an inaccessible required argument", []string{"REQUIRED_INACCESSIBLE"}, sdls{"a": `type Query { f(x: Int! @inaccessible): Int }`}},
	{"no query that is accessible", []string{"QUERY_ROOT_TYPE_INACCESSIBLE"}, sdls{"a": `type Query @inaccessible { f: Int }`}},
	{"an interface field that one lacks", []string{"INTERFACE_FIELD_NO_IMPLEM"}, sdls{
		"a": `type Query { i: I } interface I { a: Int } type T implements I @key(fields: "id") { id: ID! a: Int @shareable }`,
		"b": `type Query { j: I } interface I { a: Int b: Int } type U implements I { a: Int b: Int }`}},
	{"an interface object of no interface", []string{"INTERFACE_OBJECT_USAGE_ERROR"}, sdls{
		"a": `type Query { f: Int }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`}},
	{"a shared subscription", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `type Query { a: Int } type Subscription { s: Int @shareable }`,
		"b": `type Subscription { s: Int @shareable }`}},
	{"a composed directive of nothing", []string{"DIRECTIVE_COMPOSITION_ERROR"}, sdls{"a": `extend schema @composeDirective(name: "@nope") type Query { a: Int }`}},
	{"a shareable interface field", []string{"INVALID_SHAREABLE_USAGE"}, sdls{"a": `type Query { i: I } interface I { a: Int @shareable } type T implements I { a: Int }`}},
	{"a root of two names", nil, sdls{
		"a": `schema { query: Q } type Q { a: Int }`,
		"b": `type Query { b: Int }`}},
	{"a directive nobody knows", []string{"INVALID_GRAPHQL"}, sdls{"a": `type Query { a: Int @nope }`}},
	{"a type nobody knows", []string{"INVALID_GRAPHQL"}, sdls{"a": `type Query { a: Nope }`}},
	{"an argument nobody knows", []string{"INVALID_GRAPHQL"}, sdls{"a": `type Query { t: T } type T @key(field: "id") { id: ID! }`}},
	{"a type twice", []string{"INVALID_GRAPHQL"}, sdls{"a": `type Query { t: T } type T { a: Int } type T { b: Int }`}},
	{"a field of an interface that is lacking", []string{"INVALID_GRAPHQL"}, sdls{"a": `type Query { i: I } interface I { a: Int } type T implements I { b: Int }`}},
	{"a list size that is negative", []string{"LIST_SIZE_INVALID_ASSUMED_SIZE"}, sdls{"a": `type Query { f: [Int] @listSize(assumedSize: -1) }`}},
	{"a list size of no list", []string{"LIST_SIZE_INVALID_SIZED_FIELD"}, sdls{"a": `type Query { f: Int @listSize(assumedSize: 1) }`}},
	{"a slicing argument of nothing", []string{"LIST_SIZE_INVALID_SLICING_ARGUMENT"}, sdls{"a": `type Query { f: [Int] @listSize(slicingArguments: ["first"]) }`}},
	{"a sized field of nothing", []string{"LIST_SIZE_INVALID_SIZED_FIELD"}, sdls{"a": `type Query { f: T @listSize(assumedSize: 1, sizedFields: ["x"]) } type T { y: [Int] }`}},

	{"a key of a union", []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, sdls{"a": `type Query { t: T } type T @key(fields: "u { ... on V { a } }") { u: U } union U = V type V { a: Int }`}},
	{"a key of an interface", []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, sdls{"a": `type Query { t: T } type T @key(fields: "i { a }") { i: I } interface I { a: Int } type V implements I { a: Int }`}},
	{"a key of a real list", nil, sdls{"a": `type Query { t: T } type T @key(fields: "ids") { ids: [ID!]! }`}},
	{"a union inside a key", []string{"KEY_FIELDS_SELECT_INVALID_TYPE"}, sdls{"a": `type Query { t: T } type T @key(fields: "p { u { __typename } }") { p: P } type P { u: U } union U = V type V { a: Int }`}},
	{"a directive in a key", []string{"KEY_INVALID_FIELDS"}, sdls{"a": `type Query { t: T } type T @key(fields: "id @deprecated") { id: ID! }`}},
	{"a directive in provides", []string{"PROVIDES_INVALID_FIELDS"}, sdls{
		"a": `type Query { t: T @provides(fields: "w @include(if: true)") } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{"a directive in requires", []string{"REQUIRES_INVALID_FIELDS"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external c: Int @requires(fields: "w @include(if: true)") }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int }`}},
	{"provides with arguments", []string{"PROVIDES_FIELDS_HAS_ARGS"}, sdls{
		"a": `type Query { t: T @provides(fields: "w(x: 1)") } type T @key(fields: "id") { id: ID! w(x: Int): Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int @shareable }`}},
	{"requires with arguments", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w(x: Int): Int @external c: Int @requires(fields: "w(x: 1)") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int }`}},
	{"provides that is no string", []string{"PROVIDES_INVALID_FIELDS_TYPE"}, sdls{"a": `type Query { t: T @provides(fields: 1) } type T @key(fields: "id") { id: ID! }`}},
	{"requires that is no string", []string{"REQUIRES_INVALID_FIELDS_TYPE"}, sdls{"a": `type Query { t: T } type T @key(fields: "id") { id: ID! c: Int @requires(fields: 1) }`}},
	{"provides on an interface", []string{"PROVIDES_UNSUPPORTED_ON_INTERFACE", "EXTERNAL_UNUSED"}, sdls{
		"a": `type Query { i: I } interface I { t: T @provides(fields: "w") } type J implements I { t: T } type T @key(fields: "id") { id: ID! w: Int @external }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int @shareable }`}},
	{"requires on an interface", []string{"REQUIRES_UNSUPPORTED_ON_INTERFACE"}, sdls{
		"a": `type Query { i: I } interface I { a: Int b: Int @requires(fields: "a") } type J implements I { a: Int b: Int }`}},
	{"external on an interface", []string{"EXTERNAL_ON_INTERFACE"}, sdls{"a": `type Query { i: I } interface I { a: Int @external } type J implements I { a: Int }`}},
	{"an external argument of another type", []string{"FIELD_ARGUMENT_TYPE_MISMATCH"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w(x: String): Int @external c: Int @requires(fields: "w(x: 1)") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int): Int }`}},
	{"an external argument of another default", []string{"FIELD_ARGUMENT_DEFAULT_MISMATCH"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w(x: Int = 1): Int @external c: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w(x: Int = 2): Int }`}},
	{"an interface's key that a type lacks", []string{"INTERFACE_KEY_NOT_ON_IMPLEMENTATION"}, sdls{"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I { id: ID! }`}},
	{"an interface's key and a type that is elsewhere", []string{"INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE"}, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { j: I } interface I { id: ID! } type K implements I @key(fields: "id") { id: ID! }`,
		"c": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int }`}},
	{"an interface's key and a type that is elsewhere, without interface objects", []string{"INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE"}, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { j: I } interface I { id: ID! } type K implements I @key(fields: "id") { id: ID! }`}},
	{"an interface's key that is not resolvable", nil, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id", resolvable: false) { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { j: I } interface I { id: ID! } type K implements I @key(fields: "id") { id: ID! }`}},
	{"a shared interface field of other types", []string{"SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES"}, sdls{
		"a": `type Query { i: I @shareable } interface I { x: Int } type A implements I @shareable { x: Int }`,
		"b": `type Query { i: I @shareable } interface I { x: Int } type B implements I @shareable { x: Int }`}},
	{"a shared interface field of some of the types", nil, sdls{
		"a": `type Query { i: I @shareable } interface I { x: Int } type A implements I @shareable { x: Int }`,
		"b": `type Query { i: I @shareable } interface I { x: Int } type A implements I @shareable { x: Int } type B implements I @shareable { x: Int }`}},
	{"an external field of an object used by its interface", nil, sdls{
		"a": `type Query { i: I } interface I { x: Int } type A implements I @key(fields: "id") { id: ID! x: Int @external }`,
		"b": `type A @key(fields: "id") { id: ID! x: Int }`}},
	{"an interface object beside a type of the interface", []string{"INTERFACE_OBJECT_USAGE_ERROR"}, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! extra: Int } type J @key(fields: "id") { id: ID! }`}},
	{"an interface object without a key", []string{"INTERFACE_OBJECT_USAGE_ERROR"}, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! } type J implements I @key(fields: "id") { id: ID! }`,
		"b": `type Query { k: I } type I @interfaceObject { id: ID! extra: Int }`}},
	{"a query that is not the root", []string{"ROOT_QUERY_USED"}, sdls{"a": `schema { query: Q } type Q { a: Query } type Query { b: Int }`}},
	{"a mutation that is not the root", []string{"ROOT_MUTATION_USED"}, sdls{"a": `schema { query: Query mutation: M } type Query { a: Mutation } type M { a: Int } type Mutation { b: Int }`}},
	{"input enums with nothing in common", []string{"EMPTY_MERGED_ENUM_TYPE"}, sdls{
		"a": `type Query { f(e: E): Int } enum E { ONE }`,
		"b": `type Query { g(e: E): Int } enum E { TWO }`}},
	{"a default that is inaccessible", []string{"DEFAULT_VALUE_USES_INACCESSIBLE"}, sdls{"a": `type Query { f(e: E = ONE): Int } enum E { ONE @inaccessible TWO }`}},
	{"a link to no version there is", []string{"UNKNOWN_LINK_VERSION"}, sdls{"a": `extend schema @link(url: "https://specs.apollo.dev/link/v7.0") type Query { a: Int }`}},
	{"an extension of nothing", []string{"EXTENSION_WITH_NO_BASE"}, sdls{"a": `type Query { a: Int } extend type T @key(fields: "id") { id: ID! @external f: Int }`}},
	{"an override on an interface", []string{"OVERRIDE_ON_INTERFACE"}, sdls{
		"a": `type Query { i: I } interface I { a: Int @override(from: "b") } type J implements I { a: Int }`,
		"b": `type Query { b: Int }`}},
	{"an override's label that is none", []string{"OVERRIDE_LABEL_INVALID"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "b", label: "%") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{"a progressive override", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! f: Int @override(from: "b", label: "percent(10)") }`,
		"b": `type T @key(fields: "id") { id: ID! f: Int }`}},
	{"a tag on an external field", []string{"MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external @tag(name: "x") c: Int @requires(fields: "w") }`,
		"b": `type T @key(fields: "id") { id: ID! w: Int }`}},
	{"a cost on an interface's field", []string{"COST_APPLIED_TO_INTERFACE_FIELD"}, sdls{"a": `type Query { i: I } interface I { a: Int @cost(weight: 1) } type J implements I { a: Int }`}},
	{"a shared abstract field of other types", []string{"SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES"}, sdls{
		"a": `type Query { u: U @shareable } union U = A | B type A @shareable { x: Int } type B @shareable { x: Int }`,
		"b": `type Query { u: U @shareable } union U = C type C @shareable { x: Int }`}},
	{"requires of what cannot be fetched", []string{"SATISFIABILITY_ERROR"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! w: Int @external c: Int @requires(fields: "w") }`,
		"b": `type Query { b: Int } type T @key(fields: "x") { x: ID! id: ID! @shareable w: Int }`}},
	{"a chain of keys", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "id") @key(fields: "sku") { id: ID! sku: ID! }`,
		"c": `type T @key(fields: "sku") { sku: ID! f: Int }`}},
	{"a broken chain of keys", []string{"SATISFIABILITY_ERROR"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type Query { b: Int } type T @key(fields: "id") @key(fields: "sku") { id: ID! sku: ID! @external }`,
		"c": `type Query { c: Int } type T @key(fields: "sku") { sku: ID! f: Int }`}},
	{"an interface field that one subgraph cannot reach", []string{"SATISFIABILITY_ERROR"}, sdls{
		"a": `type Query { i: I } interface I { id: ID! } type J implements I @shareable { id: ID! }`,
		"b": `type Query { b: Int } interface I { id: ID! n: Int } type J implements I @shareable { id: ID! n: Int }`}},
	{"a union member that one subgraph lacks", nil, sdls{
		"a": `type Query { u: U } union U = A type A @key(fields: "id") { id: ID! }`,
		"b": `type Query { v: U } union U = A | B type A @key(fields: "id") { id: ID! n: Int } type B { b: Int }`}},
	{"a field of a union and of its member", nil, sdls{
		"a": `type Query { best: Prize @shareable box: Box @shareable } type Box @shareable { won: Prize } type Prize @key(fields: "id") { id: ID! } union Win = Prize | Lot type Lot @key(fields: "id") { id: ID! } type Mutation { draw: Win }`,
		"b": `type Query { best: Win @shareable box: Box @shareable } type Box @shareable { won: Win } type Prize @key(fields: "id") { id: ID! } union Win = Prize`}},
	{"a field of an interface and of a type of it, in lists", nil, sdls{
		"a": `type Query { c: Cage @shareable } type Cage @shareable { pets: [Dog!]! } interface Pet { name: String } type Dog implements Pet @shareable { name: String }`,
		"b": `type Query { c: Cage @shareable } type Cage @shareable { pets: [Pet!] } interface Pet { name: String } type Dog implements Pet @shareable { name: String }`}},
	{"a field of an interface that another implements", nil, sdls{
		"a": `type Query { z: Zoo @shareable } type Zoo @shareable { of: Pet } interface Pet { name: String } interface Beast { name: String } type Dog implements Pet & Beast @shareable { name: String }`,
		"b": `type Query { z: Zoo @shareable } type Zoo @shareable { of: Beast } interface Beast { name: String } interface Pet implements Beast { name: String } type Dog implements Pet & Beast @shareable { name: String }`}},
	{"a field of a list, and not, of a union and its member", []string{"FIELD_TYPE_MISMATCH"}, sdls{
		"a": `type Query { z: Zoo @shareable } type Zoo @shareable { of: [Dog] } type Dog @shareable { name: String } union Pet = Dog`,
		"b": `type Query { z: Zoo @shareable } type Zoo @shareable { of: Pet } type Dog @shareable { name: String } union Pet = Dog`}},
	{"an interface's field of a union and of its member", nil, sdls{
		"a": `type Query { i: I @shareable } interface I { won: Prize } type T implements I @shareable { won: Prize } type Prize @key(fields: "id") { id: ID! } union Win = Prize`,
		"b": `type Query { i: I @shareable } interface I { won: Win } type T implements I @shareable { won: Win } type Prize @key(fields: "id") { id: ID! } union Win = Prize | Lot type Lot { x: Int }`}},
	{"an interface's field that is null in one", nil, sdls{
		"a": `type Query { i: I @shareable } interface I { n: Int! } type T implements I @shareable { n: Int! }`,
		"b": `type Query { i: I @shareable } interface I { n: Int } type T implements I @shareable { n: Int }`}},
	{"an interface object that requires", nil, sdls{
		"a": `type Query { i: I } interface I @key(fields: "id") { id: ID! n: Int } type X implements I @key(fields: "id") { id: ID! n: Int }`,
		"b": `type I @key(fields: "id") @interfaceObject { id: ID! n: Int @external twice: Int @requires(fields: "n") }`}},
	{"a root field that is null in one", nil, sdls{
		"a": `type Query { n: Int! @shareable }`,
		"b": `type Query { n: Int @shareable }`}},
	{"a root field of all that one provides for", nil, sdls{
		"a": `type Query { t: T @shareable @provides(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @external }`,
		"b": `type Query { t: T @shareable } type T @key(fields: "id") { id: ID! n: Int @shareable }`}},
	{"requires by fragments on interfaces", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! of: Top } interface Top { x: Int } interface Mid implements Top { x: Int y: Int } type One implements Top & Mid @shareable { x: Int y: Int one: Int } type Two implements Top & Mid @shareable { x: Int y: Int two: Int } type Far implements Top @shareable { x: Int }`,
		"b": `type T @key(fields: "id") { id: ID! of: Top @external sum: Int @requires(fields: "of { x ... on Mid { y ... on One { one } ... on Two { two } } }") } interface Top { x: Int } interface Mid implements Top { x: Int y: Int } type One implements Top & Mid @shareable { x: Int y: Int one: Int } type Two implements Top & Mid @shareable { x: Int y: Int two: Int }`}},
	{"requires by a fragment on an interface what cannot be had", []string{"SATISFIABILITY_ERROR"}, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! of: Top } interface Top { x: Int } interface Mid implements Top { x: Int } type One implements Top & Mid @shareable { x: Int }`,
		"b": `type T @key(fields: "id") { id: ID! of: Top @external sum: Int @requires(fields: "of { ... on Mid { y } }") } interface Top { x: Int } interface Mid implements Top { x: Int y: Int } type One implements Top & Mid { x: Int @shareable y: Int @external }`,
		"c": `type Query { one: One } type One @shareable { x: Int y: Int }`}},
	{"a mutation that returns an entity", nil, sdls{
		"a": `type Query { a: Int } type Mutation { m: T } type T @key(fields: "id") { id: ID! }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{"a subgraph of Federation 1", nil, sdls{
		"a": `type Query { t: T } type T @key(fields: "id") { id: ID! }`,
		"b": `# Federation 1
extend type T @key(fields: "id") { id: ID! @external n: Int }`}},
	{"a renamed import", []string{"INVALID_FIELD_SHARING"}, sdls{
		"a": `# own
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {name: "@provides", as: "@gives"}]) type Query { t: T @gives(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @federation__external }`,
		"b": `type T @key(fields: "id") { id: ID! n: Int }`}},
	{"a renamed import, shared", nil, sdls{
		"a": `# own
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {name: "@provides", as: "@gives"}]) type Query { t: T @gives(fields: "n") } type T @key(fields: "id") { id: ID! n: Int @federation__external }`,
		"b": `# own
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", {name: "@shareable", as: "@shared"}]) type T @key(fields: "id") { id: ID! n: Int @shared }`}},
	{"an input object's recursion", nil, sdls{"a": `type Query { f(i: I): Int } input I { i: I a: Int = 1 }`}},
	{"repeatable tags of two", nil, sdls{
		"a": `type Query { t: T @shareable } type T @shareable @tag(name: "x") { f: Int @tag(name: "a") }`,
		"b": `type Query { t: T @shareable } type T @shareable @tag(name: "y") { f: Int @tag(name: "a") @tag(name: "b") }`}},
	{"a deprecated field of two", nil, sdls{
		"a": `type Query { t: T @shareable } type T @shareable { f: Int @deprecated(reason: "old") }`,
		"b": `type Query { t: T @shareable } type T @shareable { f: Int }`}},
	{"descriptions of two", nil, sdls{
		"a": `type Query { t: T @shareable } "What T is." type T @shareable { "What f is." f("What x is." x: Int): Int }`,
		"b": `type Query { t: T @shareable } "What T is." type T @shareable { f(x: Int): Int }`}},
	{"an argument that one lacks", nil, sdls{
		"a": `type Query { f(x: Int, y: Int = 2): Int @shareable }`,
		"b": `type Query { f(x: Int): Int @shareable }`}},
	{"an interface that grows", nil, sdls{
		"a": `type Query { i: I } interface I { a: Int } type T implements I @key(fields: "id") { id: ID! a: Int @shareable }`,
		"b": `type Query { j: I } interface I { a: Int } type T implements I @key(fields: "id") { id: ID! a: Int @shareable } type U implements I { a: Int }`}},
	{"an external type", nil, sdls{
		"a": `type Query { t: T @provides(fields: "p { x }") } type T @key(fields: "id") { id: ID! p: P @external } type P @external { x: Int }`,
		"b": `type T @key(fields: "id") { id: ID! p: P @shareable } type P @shareable { x: Int y: Int }`}},
	{"a scalar of two", nil, sdls{
		"a": `type Query { d: D @shareable } scalar D @specifiedBy(url: "https://example.com/d")`,
		"b": `type Query { d: D @shareable } scalar D @specifiedBy(url: "https://example.com/d")`}},
}
