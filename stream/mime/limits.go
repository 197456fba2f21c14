package mime

import "cmp"

// Limits bound what a Parser keeps and follows. Zero fields mean the defaults
// named beside them.
type Limits struct {
	Header     int // octets of the message's header: 1 MiB
	PartHeader int // octets of a part's header: 64 KiB
	FieldSize  int // octets of one field: 100 KiB
	Fields     int // fields of one header: 2,000
	Parts      int // parts of the message, all readings together: 1,000
	Depth      int // nesting, embedded messages included: 20
	Params     int // parameters of one field: 100
	Views      int // readings followed at once: 8
	Work       int // octets read again, in further readings and inside encodings: 256 Mi
}

// Defaults of Limits. They are far above what mail programs make: a message
// over one of them is wrong on purpose.
const (
	DefaultHeader     = 1 << 20
	DefaultPartHeader = 64 << 10
	DefaultFieldSize  = 100 << 10
	DefaultFields     = 2000
	DefaultParts      = 1000
	DefaultDepth      = 20
	DefaultParams     = 100
	DefaultViews      = 8
	DefaultWork       = 256 << 20
)

// lineWork is what a line counts as that is looked at by itself, besides its
// octets: 10, by the time that it takes. All of DefaultWork is some two seconds.
const lineWork = 10

// boundarySize is the longest boundary that is compared, in octets: RFC 2046
// section 5.1.1 allows 70, mail in the wild has some hundred. Of a longer one
// the rest is not looked at.
const boundarySize = 1024

// filled returns l with the defaults in.
func (l Limits) filled() Limits {
	l.Header = cmp.Or(l.Header, DefaultHeader)
	l.PartHeader = cmp.Or(l.PartHeader, DefaultPartHeader)
	l.FieldSize = cmp.Or(l.FieldSize, DefaultFieldSize)
	l.Fields = cmp.Or(l.Fields, DefaultFields)
	l.Parts = cmp.Or(l.Parts, DefaultParts)
	l.Depth = cmp.Or(l.Depth, DefaultDepth)
	l.Params = cmp.Or(l.Params, DefaultParams)
	l.Views = cmp.Or(l.Views, DefaultViews)
	l.Work = cmp.Or(l.Work, DefaultWork)
	return l
}
