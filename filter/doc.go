// Package filter is where content modules meet a message: the module
// interfaces, the channel they publish on, and the chain that runs them under
// deadlines.
//
// The flow, with who calls what. A Chain is built once for a configuration; a
// Visit is the chain at work on one session, a Run on one transaction:
//
//	stream                 chain                        modules
//	connect, HELO, EHLO    Visit.CheckSession           SessionChecker
//	MAIL                   Visit.Begin                  SenderChecker
//	RCPT                   Run.Recipient                RecipientChecker
//	data begins            Run.Open                     ContentModule.Open
//	each piece             Run.Write                    Scanner.Write, and from Content:
//	                                                    PartScanner.OpenPart, PartData, ClosePart,
//	                                                    Field, Text, Link where they are implemented
//	window outgrown        Run.Overflow                 Overflower.Overflow
//	end of data            Run.Finish                   Immediate.FinishNow, Scanner.Finish
//	over, or aborted       Run.Close                    Scanner.Close
//
// A check may return a reply that refuses. The chain asks the modules after
// it all the same, so that findings are complete in shadow mode too, and hands
// the first refusal in chain order to stream. A refusal of the session or the
// reverse-path is remembered and spoken by stream, as the answer to RCPT:
// earlier nobody knows whose mail is refused, and whether in shadow mode.
//
// # Who publishes what
//
// Every module publishes policy.Finding on the Channel it was given; the chain
// itself publishes the finding NAME.failed for a module that could not do its
// work. Findings about the session are part of every transaction's findings;
// those of a HELO replace those of the HELO before. Events are published on
// topics, which are declared in topic.go:
//
//	topic    event       published by                 for
//	Links    Link        filter/links                 lists of URLs
//	Leaves   Leaf        Content, as each leaf ends   lists of known files
//	Engines  EngineVote  filter/antivirus, by Voted   statistics
//
// Nothing built in subscribes to them yet. The log gets the engines' votes by
// Run.Votes.
//
// # Content
//
// Modules do not take messages apart themselves. Content (content.go) does, once
// for all, with the octets each scanner is shown raw as well: entities, members
// of archives in archives, text as UTF-8. What was odd on the way it publishes
// as findings of its own. It gives a part to the modules in chain order, once
// its first unpack.HeadSize octets have told what it is; parts nest. A module
// that finds content inside a part hands it in with Channel.Submit, and it is
// told to all as one more leaf, before Submit returns. A chain without Content
// has no parts, and Submit is false.
//
// # Order
//
// Delivery is synchronous: when Publish returns, every subscriber has had the
// event, in the order they subscribed. Until Finish all modules run on the
// session's goroutine, so there is one order for all. At the end of data
// Content tells what it held back, then the scanners that need not wait vote
// (FinishNow), in chain order and on the same goroutine; the others begin after
// the last of them, so they have had every event of those. From then on events
// come from several goroutines: those of one publisher stay in order, and a
// subscriber may be called by two at once.
//
// Findings are handed out in chain order, and for one module in the order it
// published, so neither the cutting of the content nor the speed of an engine
// shows in a verdict.
//
// # Back-pressure, and who is too slow or too late
//
// There are no queues. A slow subscriber slows its publisher, and during Write
// the whole message down to the sender's socket, so a subscriber must only
// note what it will do in Finish. The one exception is a scanner that is an
// Overflower: once a message has outgrown its window it flows to the server
// anyway, so Write and PartData may hold it back, for the module's deadline in
// all. One that subscribes late has missed what was before. No lock is held while
// a module runs: it may publish, subscribe and be called back at any point,
// nested up to maxNested.
//
// What is published after Finish returned or after Close, or by a module that
// has failed, goes nowhere and is counted (sluice_channel_dropped_total): the
// verdict has been drawn. A subscriber that failed or whose message is over
// gets nothing more.
//
// # Failure
//
// A panic anywhere in a module is recovered. That module has then failed for
// this message and is not called again, except Close. It has failed as well
// if it returns an error, does not answer within its deadline, answers with a
// reply that is no refusal, or floods the channel. A failure is a finding, forced
// as the entry's FailurePolicy says, and is counted; neither panic values nor
// error texts, which may quote the message, are kept anywhere.
//
// A scanner that does not return from Finish at its deadline is left behind:
// nobody waits for it, its Close is called when it does return, and Chain.Wait
// knows of it. Checks are not left behind, for they share the session's data:
// they run on its goroutine and must return when their context ends.
//
// Stream decides nothing here and policy.Decide everything: this package draws
// no verdict.
//
// # Files
//
// The chain: module.go has the interfaces, chain.go what is built, visit.go and
// run.go (finish.go) what is at work, with the modules' places in places.go;
// channel.go and topic.go what is published, failure.go what counts as failed.
//
// Content: content.go; entity.go, member.go, mail.go and mbox.go are a message as
// the MIME parser, the reader of a container and a file of mail tell it;
// submit.go what modules hand in. All make pieces (piece.go, held.go), which are
// told as parts (part.go) by tell.go. contentrules.go has what defects and notes
// mean, odd.go what is put together oddly.
package filter
