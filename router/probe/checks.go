package probe

// A Status is the result of a check.
type Status string

// The statuses.
const (
	Pass Status = "pass"
	Warn Status = "warn" // a recommendation is not met, or a fault is likely
	Fail Status = "fail"
	Skip Status = "skip" // the check does not apply, or could not be made
)

// A Check is the name of a check.
type Check string

// The checks, in the order in which they run.
const (
	checkReachable     Check = "reachable"
	checkContentType   Check = "content-type"
	checkSyntaxError   Check = "syntax-error"
	checkInvalid       Check = "validation-error"
	checkNotJSON       Check = "invalid-json"
	checkService       Check = "service-sdl"
	checkSDL           Check = "sdl"
	checkIntrospection Check = "introspection"
	checkEntities      Check = "entities"
	checkTypename      Check = "unknown-typename"
	checkEntity        Check = "entity"
	checkEntityType    Check = "entity-typename"
	checkEntityKey     Check = "entity-key"
	checkFields        Check = "entity-fields"
	checkOrder         Check = "entity-order"
	checkDuplicates    Check = "entity-duplicates"
	checkBatch         Check = "entity-batch"
	checkUnknown       Check = "entity-unknown"
	checkErrorPath     Check = "error-path"
	checkRequires      Check = "requires"
)

// Checks describes all checks, in order.
var Checks = []struct {
	Name  Check
	About string
}{
	{checkReachable, "the URL responds to a query with GraphQL in JSON"},
	{checkContentType, "responses have a media type of GraphQL over HTTP"},
	{checkSyntaxError, "a document with a syntax error gets errors and a status that fits"},
	{checkInvalid, "a document that does not fit the schema gets errors and a status that fits"},
	{checkNotJSON, "a body that is not JSON gets a status 4xx"},
	{checkService, "_service { sdl } returns the SDL"},
	{checkSDL, "the SDL is a valid subgraph schema"},
	{checkIntrospection, "introspection and the SDL have the same types and fields"},
	{checkEntities, "_entities exists, and returns an empty list for no representations"},
	{checkTypename, "a representation of an unknown type gets an error, and no crash"},
	{checkEntity, "an entity is returned for the representation of an existing one, for every key"},
	{checkEntityType, "__typename is the entity's type, or an implementation of the interface"},
	{checkEntityKey, "the key of an entity is the one of its representation"},
	{checkFields, "fields without arguments can be selected below _entities"},
	{checkOrder, "entities have the order of their representations"},
	{checkDuplicates, "equal representations get equal entities"},
	{checkBatch, "many representations in one request get as many entities"},
	{checkUnknown, "an unknown key gets null, and other entities do not fail with it"},
	{checkErrorPath, "an error about an entity has the path of that entity"},
	{checkRequires, "fields with @requires are computed from the representation"},
}
