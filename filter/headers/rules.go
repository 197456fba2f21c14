package headers

import (
	"bytes"
	"time"

	"sluice/filter"
)

// A rule is one thing that can be wrong. find tells whether it is, with a
// detail of our own words.
type rule struct {
	filter.Rule
	find func(*message) (detail string, hit bool)
}

// Bounds of what is still taken for honest.
const (
	// mostHops is how many servers a message has passed: 25. Forwarded list
	// mail has half of that.
	mostHops = 25
	// aheadMost is how far a clock may be ahead: 1 day, so that no time zone
	// taken for another is enough.
	aheadMost = 24 * time.Hour
	// behindMost is how old a message may be: 8 days. Servers try for 5
	// (RFC 5321 section 4.5.4.1), and a computer is off for some more.
	behindMost = 8 * 24 * time.Hour
)

// headerRules are judged when the header has ended, in this order. How many
// messages of a public corpus each hits stands in README.md; the scores follow
// from it, and TestCorpus holds them to it.
var headerRules = []rule{
	// What has to be there, and once.
	{filter.Rule{Name: "headers.no_from", Score: 2, Text: "There is no From field."}, missing(from)},
	{filter.Rule{Name: "headers.no_date", Score: 1.5, Text: "There is no Date field."}, missing(date)},
	{filter.Rule{Name: "headers.no_message_id", Score: 0.5, Text: "There is no Message-ID field."}, missing(messageID)},
	{filter.Rule{Name: "headers.no_subject", Score: 0.5, Text: "There is no Subject field, or it is empty."},
		is(func(m *message) bool { return len(m.value[subject]) == 0 })},
	{filter.Rule{Name: "headers.no_to", Score: 1, Text: "There is no To, Cc or Bcc field."}, missing(to, cc, bcc)},
	{filter.Rule{Name: "headers.no_mime_version", Score: 0.2, Text: "There is a content type or encoding but no MIME-Version field."},
		is(func(m *message) bool {
			return m.count[mimeVersion] == 0 && m.count[contentType]+m.count[contentEncoding] > 0
		})},
	{filter.Rule{Name: "headers.duplicate", Score: 1, Text: "A field that may stand there once stands there more often. The detail names it."}, duplicate},

	// Who it is from.
	{filter.Rule{Name: "headers.from_malformed", Score: 1.5, Text: "The address in From cannot be one."},
		is(func(m *message) bool { return len(m.from.domain) > 0 && !m.from.wellFormed() })},
	{filter.Rule{Name: "headers.from_address", Score: 2, Text: "The name in From shows the address of another domain than the message is from."},
		is(func(m *message) bool { return m.showsOther(true) })},
	{filter.Rule{Name: "headers.from_domain", Score: 0.7, Text: "The name in From shows another domain than the message is from."},
		is(func(m *message) bool { return m.showsOther(false) })},
	{filter.Rule{Name: "headers.from_disguise", Score: 2.5, Text: "The name or address in From has invisible, reversed, mixed or styled letters. The detail says which."},
		func(m *message) (string, bool) {
			d := max(disguiseOf(m.fromName), disguiseOf(m.from.local), disguiseOf(m.from.domain))
			return disguiseWords[d], d != plainText
		}},
	{filter.Rule{Name: "headers.from_base64", Score: 1, Text: "The name in From is ASCII and written in base64 all the same."},
		is(func(m *message) bool { return needlessWord(m.from.name, m.fromName) })},
	{filter.Rule{Name: "headers.reply_freemail", Score: 2, Text: "Answers go to a freemail address, and the message is not from one."},
		is(func(m *message) bool {
			return m.count[replyTo] > 0 && len(m.from.domain) > 0 && isFreemail(m.replyTo.domain) && !isFreemail(m.from.domain)
		})},
	{filter.Rule{Name: "headers.reply_other", Score: 0, Text: "Answers go to another domain."},
		is(func(m *message) bool {
			return len(m.replyTo.domain) > 0 && len(m.from.domain) > 0 && !sameOwner(m.replyTo.domain, m.from.domain)
		})},
	{filter.Rule{Name: "headers.reply_malformed", Score: 0.5, Text: "What stands in Reply-To is no address."},
		is(func(m *message) bool { return len(m.value[replyTo]) > 0 && !m.replyTo.wellFormed() })},

	// Whom it is to.
	{filter.Rule{Name: "headers.to_undisclosed", Score: 1, Text: "To and Cc hold no address: the recipients are not disclosed."},
		is(func(m *message) bool {
			return m.count[to]+m.count[cc] > 0 && bytes.IndexByte(m.value[to], '@') < 0 && bytes.IndexByte(m.value[cc], '@') < 0
		})},
	{filter.Rule{Name: "headers.to_is_from", Score: 0.7, Text: "The message is to the address it is from."},
		is(func(m *message) bool { return sameAddress(&m.to, &m.from) })},
	{filter.Rule{Name: "headers.to_malformed", Score: 1, Text: "The first address in To is none."},
		is(func(m *message) bool { return len(m.to.domain) > 0 && !m.to.wellFormed() })},

	// When it was written.
	{filter.Rule{Name: "headers.date_malformed", Score: 1.5, Text: "Date cannot be read."},
		is(func(m *message) bool { return m.count[date] > 0 && !m.dated })},
	{filter.Rule{Name: "headers.date_zone", Score: 1, Text: "Date has no time zone, or one that does not exist."},
		is(func(m *message) bool { return m.dated && !m.date.zone })},
	{filter.Rule{Name: "headers.date_future", Score: 2, Text: "Date is more than a day in the future."},
		is(func(m *message) bool { return m.dated && m.date.time.Sub(m.now) > aheadMost })},
	{filter.Rule{Name: "headers.date_past", Score: 1, Text: "Date is more than eight days in the past."},
		is(func(m *message) bool { return m.dated && m.now.Sub(m.date.time) > behindMost })},

	// What it is about.
	{filter.Rule{Name: "headers.subject_capitals", Score: 1.5, Text: "The subject is in capitals."},
		is(func(m *message) bool { return capitals(m.subject) })},
	{filter.Rule{Name: "headers.subject_disguise", Score: 2, Text: "The subject has invisible, reversed, mixed or styled letters. The detail says which."},
		func(m *message) (string, bool) {
			d := disguiseOf(m.subject)
			return disguiseWords[d], d != plainText
		}},
	{filter.Rule{Name: "headers.subject_base64", Score: 0.5, Text: "The subject is ASCII and written in base64 all the same."},
		is(func(m *message) bool { return needlessWord(m.value[subject], m.subject) })},
	{filter.Rule{Name: "headers.subject_gap", Score: 2, Text: "The subject goes on behind five blanks or more."},
		is(func(m *message) bool { return gapped(m.value[subject]) })},
	{filter.Rule{Name: "headers.subject_reply", Score: 0.3, Text: "The subject begins like that of a reply, and nothing says to what."},
		is(func(m *message) bool {
			return isReply(m.subject) && m.count[inReplyTo]+m.count[references]+m.count[listID] == 0
		})},

	// What made it.
	{filter.Rule{Name: "headers.message_id_malformed", Score: 1.5, Text: "Message-ID is not of the form <left@right>."},
		is(func(m *message) bool { return m.count[messageID] > 0 && !messageIDForm(m.value[messageID]) })},
	{filter.Rule{Name: "headers.8bit", Score: 1, Text: "From or Subject has octets above 127 that are no UTF-8."},
		is(func(m *message) bool { return foreign8bit(m.value[from]) || foreign8bit(m.value[subject]) })},
	{filter.Rule{Name: "headers.tight", Score: 0.5, Text: "A field has no blank behind its colon."},
		is(func(m *message) bool { return m.tight })},
	{filter.Rule{Name: "headers.mailer_forged", Score: 2.5, Text: "X-Mailer says Outlook Express, and other fields contradict it."}, is(forgedOutlook)},
	{filter.Rule{Name: "headers.php_eval", Score: 3, Text: "A PHP script made the message that was itself made while it ran, as break-ins leave them."},
		is(func(m *message) bool { return bytes.Contains(m.value[originatingScript], []byte("eval()'d code")) })},

	// How it came.
	{filter.Rule{Name: "headers.received_many", Score: 0.5, Text: "The message has passed more than 25 servers."},
		is(func(m *message) bool { return m.count[received] > mostHops })},
	{filter.Rule{Name: "headers.received_forged", Score: 2.5, Text: "The last server before this one says in its Received field that it was this one."},
		is(func(m *message) bool { return m.ours })},
}

// bodyRules are judged when the message has ended.
var bodyRules = []rule{
	{filter.Rule{Name: "headers.empty", Score: 0.5, Text: "The message has no content, or nothing but blanks."},
		is(func(m *message) bool { return m.blank && !m.file })},
	{filter.Rule{Name: "headers.html_only", Score: 0.5, Text: "The message is a page without a plain text beside it."},
		is(func(m *message) bool { return m.html && !m.plain && !m.file })},
	{filter.Rule{Name: "headers.base64_text", Score: 1, Text: "Text that is declared as ASCII is in base64."},
		is(func(m *message) bool { return m.base64 && !m.needed })},
}

// Rules are all findings of this module.
var Rules = func() (all []filter.Rule) {
	for _, table := range [][]rule{headerRules, bodyRules} {
		for i := range table {
			all = append(all, table[i].Rule)
		}
	}
	return all
}()

// is makes a find of a condition.
func is(condition func(*message) bool) func(*message) (string, bool) {
	return func(m *message) (string, bool) { return "", condition(m) }
}

// missing finds that none of some fields is there.
func missing(some ...field) func(*message) (string, bool) {
	return func(m *message) (string, bool) {
		for _, f := range some {
			if m.count[f] > 0 {
				return "", false
			}
		}
		return "", true
	}
}

// duplicate names the first field that is there too often.
func duplicate(m *message) (string, bool) {
	for _, f := range once {
		if m.count[f] > 1 {
			return names[f], true
		}
	}
	return "", false
}

// showsOther tells that the name in From shows an address, or else a domain,
// of somebody else. QUIRK: mailing lists put the writer's address into the
// name of their own.
func (m *message) showsOther(wantAddress bool) bool {
	if m.count[listID] > 0 || len(m.from.domain) == 0 {
		return false
	}
	domain, address := claimedDomain(m.fromName)
	return domain != "" && address == wantAddress && !sameOwner([]byte(domain), m.from.domain)
}

// messageIDForm tells that a message-id has the form that everybody expects:
// "<left@right>" without blanks (RFC 5322 section 3.6.4).
func messageIDForm(id []byte) bool {
	if len(id) < 5 || id[0] != '<' || id[len(id)-1] != '>' {
		return false
	}
	inside := id[1 : len(id)-1]
	at := bytes.LastIndexByte(inside, '@')
	return at > 0 && at < len(inside)-1 && !bytes.ContainsAny(inside, " \t<>")
}

// forgedOutlook tells that X-Mailer names Outlook Express for Windows, which
// always wrote X-MimeOLE as well and message-ids like
// <000001c1$0a2b3c4d$0100a8c0@host>. QUIRK: Hotmail replaced its message-ids.
func forgedOutlook(m *message) bool {
	mailer := m.value[xMailer]
	if !bytes.HasPrefix(mailer, []byte("Microsoft Outlook Express")) || bytes.Contains(mailer, []byte("Macintosh")) {
		return false
	}
	id := m.value[messageID]
	return m.count[xMimeOLE] == 0 || bytes.Count(id, []byte("$")) != 2 && !bytes.HasSuffix(id, []byte("@hotmail.com>"))
}
