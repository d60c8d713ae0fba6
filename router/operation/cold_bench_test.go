package operation_test

import "testing"

// coldDocuments are documents of the kinds that clients send, by what they have, with what they may
// allocate. Several operations are validated by the rules of the library.
var coldDocuments = []struct {
	name        string
	allocations float64
	text        string
}{
	{"nothing else", 13, `query Page($id: ID!) { me { id name best { id name } } node(id: $id) { id __typename } search(text: "tea", first: 5) { __typename ... on User { name } } }`},
	{"fragments", 15, `query Page($id: ID!) { me { ...Person best { ...Person } } node(id: $id) { id ...Shown } }
fragment Person on User { id name } fragment Shown on Named { name __typename ...Titled } fragment Titled on Product { title(lang: DE) }`},
	{"fixed conditions", 12, `query Page($id: ID!) { me { id name best @include(if: true) { id name } } node(id: $id) { id name: __typename @skip(if: false) } }`},
	{"conditions", 21, `query Page($id: ID!, $more: Boolean!) { me { id name best @include(if: $more) { id name } } node(id: $id) { id kind: __typename @skip(if: $more) } }`},
	{"defer", 21, `query Page($id: ID!) { me { id ... @defer(label: "rest") { name best { id name } } } node(id: $id) { id } }`},
	{"defaults", 23, `query Page($id: ID!, $first: Int = 3, $text: String = "tea") { me { id name friends(first: $first) { id } } node(id: $id) { id } search(text: $text) { __typename } }`},
	{"lists and objects", 16, `query Page($id: ID!, $min: Int!) { nodes(ids: ["1", "2", $id]) { id __typename } products(filter: {name: "tea", languages: [EN, DE], min: $min, not: {tags: [["x"]]}}) { id title(lang: EN) } me { id name } }`},
	{"comments", 12, "# The page of an item.\nquery Page($id: ID!) {\n  me { id name best { id name } } # who asks\n  # and what for\n  node(id: $id) { id __typename }\n}\n"},
	{"escapes", 9, `query Page { search(text: "\"tea\" für \n zwei") { __typename ... on User { id name } } me { id name best { id name } } }`},
	{"block string", 13, "query Page { search(text: \"\"\"\n  tea\n    for two\n\"\"\") { __typename ... on User { id name } } me { id name best { id name } } }"},
	{"description", 12, `"The page of an item." query Page($id: ID!) { me { id name best { id name } } node(id: $id) { id __typename } }`},
	{"operations", 180, `query Page($id: ID!) { me { id name best { id name } } node(id: $id) { id __typename } } query Other { me { id } }`},
	{"subscription", 13, `subscription Page($id: ID!) { changed(id: $id) { id __typename ... on User { name } } }`},
	{"everything", 32, `query Page($id: ID!, $first: Int = 10, $more: Boolean = false, $filter: Filter) {
  node(id: $id) { __typename ...Item_node id }
  me { ...Person_user friends(first: $first) { ...Person_user id } id }
  products(filter: $filter) { ...Item_node id }
}
fragment Item_node on Node { __isNode: __typename ... on Product { title weight @include(if: $more) } ... on User { ...Person_user } id }
fragment Person_user on User { id name best { id name } }`},
}

// BenchmarkCold measures documents that no cache has, up to their operations.
func BenchmarkCold(b *testing.B) {
	s := testSchema(b)
	for _, d := range coldDocuments {
		b.Run(d.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				made, err := s.Parse(d.text, "Page")
				if err != nil {
					b.Fatal(err)
				}
				made.Compact()
				made.Operation(nil)
			}
		})
	}
}
