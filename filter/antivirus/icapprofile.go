package antivirus

// A Profile tells what an ICAP service means: RFC 3507 says how content is
// adapted, not how a threat is named.
type Profile struct {
	// Path is the service where the URL has none, and Query what it is asked to
	// do where the URL does not say.
	Path, Query string
	// Preview tells to send the beginning first if the service offers it.
	Preview bool
	// Always204 tells to allow 204 for whole content even if the service does
	// not offer it.
	Always204 bool
	// Threats are the header fields that name a threat, in lower case, of the
	// ICAP answer or the HTTP answer in it. The first that is there counts.
	Threats []string
	// Page convicts content in whose place the service sends an HTTP answer of
	// 400 or more, without naming a threat.
	Page bool
	// Plain is what an answer means that is 200 and nothing else: content that
	// was changed or sent back.
	Plain Result
}

// threatFields are in use: the first by c-icap and many products, the others
// by older ones (draft-stecher-icap-subid, and products' manuals).
var threatFields = []string{"x-infection-found", "x-virus-id", "x-violations-found", "x-blocked-reason"}

// Profiles are the services known. "generic" is for those that are none of the
// others.
var Profiles = map[string]Profile{
	"generic": {Preview: true, Threats: threatFields, Page: true, Plain: Unscannable},
	// c-icap's virus_scan. It names every threat, so that a page without a
	// name is an error of its own. Without mode=simple it begins to send content
	// back before it has looked at all of it, and without sizelimit=off it lets
	// pass what is larger than its limit.
	"c-icap": {Path: "/virus_scan", Query: "allow204=on&sizelimit=off&mode=simple", Preview: true, Always204: true, Threats: threatFields, Plain: Unscannable},
}
