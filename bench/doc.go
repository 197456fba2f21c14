// Command bench measures Sluice from the outside, beside other proxies, and
// keeps the books that say whether mail was lost.
//
// It never links Sluice: proxies are separate processes, driven over loopback
// sockets and read through /proc and /metrics. The flow is: a peer (peer.go,
// peer_*.go) is started in front of a sink (sink.go, or smtp-sink), a generator
// (load.go, or smtp-source) sends mail through it, and a command (sidebyside.go,
// latency.go, tls.go, memory.go, shapes.go, allocs.go, antivirus.go, ledger.go)
// turns what happened into a Result (result.go): a table, JSON, and a chart (chart.go).
//
// Comparisons are made within a round, where every peer runs once and the
// order rotates, so that what disturbs the machine disturbs all of them. The
// ledger's judgement is a pure function (check.go) over the books (books.go)
// of the generator and of the sinks.
//
// Only corpus.go needs neither sink nor generator: it runs proxy scan over a
// folder.
//
// Everything stays on 127.0.0.1. Files go to the folder named by --out and to
// one temporary folder; those of clamd to one in memory.
package main
