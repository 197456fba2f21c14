package main

// A config is everything an operator can set: this table is the only place
// where a key, its default and its meaning stand. The decoder, the
// environment's names, `config dump` and docs/reference/config.md all follow
// it by reflection.
//
// Tags: key is the name in the file; default is text as one would write it;
// oneof lists the words allowed; min is the least number; needs marks keys
// without which there is no configuration; doc is the sentence for operators.
type config struct {
	Hostname hostname `key:"hostname" needs:"yes" doc:"Name of this host in the greeting, in Received fields and in EHLO to servers."`

	Listeners []listenerConfig `key:"listeners" needs:"yes" doc:"Addresses that senders connect to."`
	Admin     adminConfig      `key:"admin" doc:"HTTP for probes, metrics and reload."`
	Routes    []routeConfig    `key:"routes" needs:"yes" doc:"Which servers take the mail of which recipient domains."`

	Lookahead   size     `key:"lookahead" default:"256KiB" doc:"How much of a message is held back for a complete verdict before its server sees any of it. 0 holds only the header."`
	BareNewline string   `key:"bare_newline" default:"reject" oneof:"reject|normalise" doc:"What becomes of a message with a CR or LF outside CRLF: refused with 550 5.5.2, or rewritten (LF to CRLF, CR to a space)."`
	FinalCRLF   string   `key:"final_crlf" default:"refuse" oneof:"refuse|add" doc:"What becomes of a BDAT message without final CRLF whose server lacks CHUNKING: 554 5.6.3, or the CRLF is added."`
	ReceivedFor bool     `key:"received_for" default:"false" doc:"Name the recipient in the Received field if there is only one. Off for privacy."`
	AuthForged  string   `key:"authres_forged" default:"keep" oneof:"keep|reject|remove" doc:"What becomes of an Authentication-Results field a sender wrote in our name: kept below ours, refused, or cut out (which changes the message)."`
	BannerDelay duration `key:"banner_delay" default:"0" doc:"Wait before the greeting, to find those who talk first. Not with shadow: true at the top level."`
	RefusalURL  webPage  `key:"refusal_url" doc:"Page that explains a refusal; the message id is appended to it."`

	levelConfig
	Tenants        []tenantConfig         `key:"tenants" doc:"Customers, each with domains and settings of its own."`
	DomainSettings map[string]levelConfig `key:"domain_settings" doc:"Settings of recipient domains, by domain as in routes; the most exact alone counts."`
	Mailboxes      map[string]levelConfig `key:"mailboxes" doc:"Settings of mailboxes, by address."`
	Aliases        map[string]string      `key:"aliases" doc:"Addresses that stand for others: recipients are rewritten before routing."`

	Content   contentConfig   `key:"content" doc:"How far messages are taken apart. What goes beyond is a finding: docs/reference/rules.md."`
	Antivirus antivirusConfig `key:"antivirus" doc:"Antivirus engines that look at each message."`

	Limits   limitsConfig   `key:"limits" doc:"Bounds on what senders may use."`
	Timeouts timeoutsConfig `key:"timeouts" doc:"Bounds on every wait."`
	Shutdown shutdownConfig `key:"shutdown" doc:"How long a stop may take."`
	Log      logConfig      `key:"log" doc:"The log on standard output."`
	Privacy  privacyConfig  `key:"privacy" doc:"What log lines may say of people."`
}

// A levelConfig is what can be set for everything, a tenant, a domain and a
// mailbox: policy.Level says how levels are laid over each other.
type levelConfig struct {
	Thresholds  thresholdsConfig      `key:"thresholds" doc:"Scores from which on mail is treated so. Nothing set at the top level: tag 6, reject 15."`
	SubjectMark words                 `key:"subject_mark" doc:"Put before the subject of tagged mail, which changes the message. Empty: no mark."`
	Contact     string                `key:"contact" doc:"What a refused sender may turn to: an address of the operator's, or a page. In ASCII."`
	Quarantine  string                `key:"quarantine" doc:"Name of the route that quarantined mail goes to. Unset: what should be quarantined is deferred."`
	Ambiguity   string                `key:"ambiguity" oneof:"scan|reject" doc:"Content that mail programs read in several ways: every reading is scanned, or it is refused. Unset everywhere: scan."`
	OverLimit   string                `key:"over_limit" oneof:"reject|tag|accept" doc:"Content that unpacks to more than is looked at. Unset everywhere: reject."`
	Unscannable string                `key:"unscannable" oneof:"closed|tag|open" doc:"Content that no engine, or too few, could look at: deferred, tagged, or left to the score. Unset everywhere: closed."`
	Allow       []string              `key:"allow" doc:"Senders whose score asks for nothing: address, domain, .domain, network, or sender and networks; file:PATH for a file with one a line."`
	Block       []string              `key:"block" doc:"Senders that are refused, written like allow."`
	Attachments attachmentsConfig     `key:"attachments" doc:"Files that are refused. A level that says anything here says all of it."`
	Rules       map[string]ruleConfig `key:"rules" doc:"What follows from a finding, by rule name."`
	UserRules   []userRuleConfig      `key:"user_rules" doc:"Rules of your own. Those of all levels are asked; of one name, the more specific level's."`
	Shadow      bool                  `key:"shadow" default:"false" doc:"Compute and count every verdict and let none take effect. On at any level is on."`
	Soft        bool                  `key:"soft" default:"false" doc:"Policy's 5xx become 4xx; the servers' own 5xx pass. On at any level is on."`
}

type attachmentsConfig struct {
	Default bool         `key:"default" default:"true" doc:"Begin with the list that Sluice comes with."`
	Ban     choiceConfig `key:"ban" doc:"Refused as well."`
	Allow   choiceConfig `key:"allow" doc:"Taken from the list."`
}

type choiceConfig struct {
	Extensions []string `key:"extensions" doc:"Of file names: exe."`
	Types      []string `key:"types" doc:"Media types (application/x-*), what the octets are (pe, iso), or executable, unsupported."`
}

type thresholdsConfig struct {
	Tag        points `key:"tag" doc:"Header fields and the subject mark are added. 0 or unset: never."`
	Quarantine points `key:"quarantine" doc:"Goes to the quarantine route. 0 or unset: never."`
	Reject     points `key:"reject" doc:"Refused with 5xx. 0 or unset: never."`
}

type tenantConfig struct {
	Name    string   `key:"name" needs:"yes" doc:"Name in logs and metrics, and of routes' tenant."`
	Domains []string `key:"domains" doc:"Recipient domains, written as in routes. Those of routes with this tenant belong to it as well."`
	levelConfig
	DomainSettings map[string]levelConfig `key:"domain_settings" doc:"Settings of the tenant's domains, by domain; the most exact alone counts."`
	Mailboxes      map[string]levelConfig `key:"mailboxes" doc:"Settings of mailboxes in the tenant's domains, by address."`
	Aliases        map[string]string      `key:"aliases" doc:"Addresses in the tenant's domains that stand for others."`
}

type userRuleConfig struct {
	Name   string `key:"name" needs:"yes" doc:"Of a-z, 0-9, _ and -. In findings and under rules it is user.NAME."`
	When   string `key:"when" needs:"yes" doc:"Expression that must be true: see howto/policy.md."`
	Score  points `key:"score" doc:"Added to the message's score."`
	Action string `key:"action" oneof:"reject|defer|tag|divert|quarantine|deliver|discard" doc:"What happens to the message. Unset: only the score."`
	Route  string `key:"route" doc:"Name of the route that divert sends to, and quarantine if it is not the level's."`
	Text   string `key:"text" doc:"What a refused or deferred sender reads, in ASCII. Unset: the program's text."`
}

type listenerConfig struct {
	Address       socketAddress `key:"address" needs:"yes" doc:"Where to listen, host:port; an empty host means every address."`
	Name          string        `key:"name" doc:"Name in logs and of the socket systemd passes (FileDescriptorName). Unset: smtp, or smtps with implicit TLS."`
	ProxyProtocol struct {
		Trusted []prefix `key:"trusted" doc:"Ranges whose connections begin with a PROXY header, version 1 or 2. Empty: none."`
	} `key:"proxy_protocol" doc:"The PROXY header of a load balancer."`
	TLS listenerTLSConfig `key:"tls" doc:"Certificates; with one, STARTTLS is offered."`
}

type listenerTLSConfig struct {
	Cert     string              `key:"cert" doc:"PEM file with the certificate and its chain."`
	Key      string              `key:"key" doc:"PEM file with its private key."`
	Certs    []certificateConfig `key:"certs" doc:"Further certificates, chosen by the name a sender asks for (SNI)."`
	Implicit bool                `key:"implicit" default:"false" doc:"TLS before the greeting, as on port 465."`
}

type certificateConfig struct {
	Cert string `key:"cert" needs:"yes" doc:"PEM file with the certificate and its chain."`
	Key  string `key:"key" needs:"yes" doc:"PEM file with its private key."`
}

type adminConfig struct {
	Address socketAddress `key:"address" default:"127.0.0.1:8025" doc:"Where /livez, /readyz, /metrics and POST /-/reload are served; reload only to loopback. none turns it off."`
}

type routeConfig struct {
	Name       string         `key:"name" doc:"Name in logs, metrics and rules. Unset: the first domain."`
	Tenant     string         `key:"tenant" doc:"Owner; server sessions are never shared between tenants."`
	Domains    []string       `key:"domains" doc:"Recipient domains: \"y.test\" that one, \".y.test\" those below it, \"*\" any. None: only rules send mail here."`
	Servers    []serverConfig `key:"servers" doc:"The servers, tried by priority, then by weight."`
	MX         bool           `key:"mx" default:"false" doc:"Take the servers from the recipient domain's MX records instead."`
	Protocol   string         `key:"protocol" default:"smtp" oneof:"smtp|lmtp" doc:"What the servers speak."`
	TLS        string         `key:"tls" default:"verify" oneof:"none|may|verify|pin|dane" doc:"TLS to the servers: none; if it works; with a certificate that verifies; with a key in pins; as TLSA records say."`
	Implicit   bool           `key:"implicit_tls" default:"false" doc:"Start TLS before the greeting, as on port 465, instead of by STARTTLS."`
	TLSName    string         `key:"tls_name" doc:"Name the certificate must carry. Unset: the server's host name."`
	CA         string         `key:"ca" doc:"PEM file with the authorities to trust. Unset: the system's."`
	Pins       []pin          `key:"pins" doc:"SHA-256 of the servers' public keys (SubjectPublicKeyInfo), in hex or base64, for tls: pin."`
	Identity   string         `key:"identity" default:"none" oneof:"none|xclient|xforward|proxy_v1|proxy_v2" doc:"How the sender's address is told to the servers."`
	Auth       authConfig     `key:"auth" doc:"SASL to the servers, only over TLS that proves who they are."`
	Source     ipAddress      `key:"source_address" doc:"Local address connections leave from. Unset: any."`
	EHLOName   hostname       `key:"ehlo_name" doc:"Name in EHLO. Unset: hostname."`
	MaxMessage size           `key:"max_message" default:"0" doc:"Largest message for this route. 0: limits.max_message."`
	Contact    string         `key:"contact" doc:"Instead of the top level's contact."`
	Shadow     bool           `key:"shadow" default:"false" doc:"Shadow mode for this route."`
	Soft       bool           `key:"soft" default:"false" doc:"Soft mode for this route."`
}

type serverConfig struct {
	Address        serverAddress `key:"address" needs:"yes" doc:"host:port."`
	Priority       int           `key:"priority" default:"10" min:"0" doc:"Lower is tried first."`
	Weight         int           `key:"weight" default:"1" min:"1" doc:"Share among servers of one priority."`
	MaxConnections int           `key:"max_connections" default:"50" min:"1" doc:"Most connections at once, kept ones included."`
}

type authConfig struct {
	Username string `key:"username" doc:"SASL user name."`
	Password secret `key:"password" doc:"SASL password."`
}

type ruleConfig struct {
	Off    toggle `key:"off" doc:"The finding has no effect; it is still logged."`
	Action string `key:"action" oneof:"reject|defer|tag|divert|quarantine|deliver|discard" doc:"What happens to a message with this finding. Unset: what the module says. discard answers 250 and delivers nothing."`
	Score  points `key:"score" doc:"Added to the message's score. Unset: what the module says."`
	Route  string `key:"route" doc:"Name of the route that divert sends to, and quarantine if it is not the level's."`
	Text   string `key:"text" doc:"What a refused or deferred sender reads, in ASCII. Unset: the program's text."`
	Shadow bool   `key:"shadow" default:"false" doc:"Shadow mode for this rule."`
	Soft   bool   `key:"soft" default:"false" doc:"Soft mode for this rule."`
}

type contentConfig struct {
	MIME   mimeConfig   `key:"mime" doc:"Bounds on the structure of one message."`
	Unpack unpackConfig `key:"unpack" doc:"Bounds on the archives and documents of one message, taken together unless it says otherwise."`
}

type mimeConfig struct {
	Header     size `key:"header" default:"1MiB" min:"64KiB" doc:"The message's header."`
	PartHeader size `key:"part_header" default:"64KiB" min:"4KiB" doc:"The header of a part."`
	Field      size `key:"field" default:"100KiB" min:"4KiB" doc:"One field."`
	Fields     int  `key:"fields" default:"2000" min:"100" doc:"Fields of one header."`
	Parts      int  `key:"parts" default:"1000" min:"10" doc:"Parts, those of all readings of the message together."`
	Depth      int  `key:"depth" default:"20" min:"2" doc:"Parts in parts, messages in messages among them."`
	Params     int  `key:"params" default:"100" min:"10" doc:"Parameters of one field."`
	Readings   int  `key:"readings" default:"8" min:"2" doc:"Readings that are followed at once where mail programs read a message differently."`
}

type unpackConfig struct {
	Output     size     `key:"output" default:"512MiB" min:"1MiB" doc:"All that is unpacked (limit.output)."`
	Member     size     `key:"member" default:"256MiB" min:"1MiB" doc:"One file (limit.output)."`
	Ratio      int      `key:"ratio" default:"250" min:"10" doc:"Octets unpacked for each octet packed, from ratio_from on (archive.bomb)."`
	RatioFrom  size     `key:"ratio_from" default:"32MiB" min:"1MiB" doc:"How much is unpacked before ratio counts: small files of one colour exceed any."`
	Depth      int      `key:"depth" default:"8" min:"1" doc:"Archives in archives (limit.depth)."`
	Members    int      `key:"members" default:"10000" min:"10" doc:"Files in archives (limit.entries)."`
	Time       duration `key:"time" default:"5s" min:"100ms" doc:"Time spent unpacking. Beyond it the message is deferred (limit.time)."`
	Memory     size     `key:"memory" default:"128MiB" min:"16MiB" doc:"Memory taken at once. Beyond it, and where all messages together would exceed half of limits.memory, the message is deferred (limit.memory)."`
	Held       size     `key:"held" default:"40MiB" min:"1MiB" doc:"The largest archive of a kind that must be seen whole (7z, Office 97): a larger one is not looked into (unpack.unsupported)."`
	Dictionary size     `key:"dictionary" default:"64MiB" min:"1MiB" doc:"The largest dictionary of one compressed file (limit.dictionary)."`
}

type antivirusConfig struct {
	Engines []engineConfig `key:"engines" doc:"The engines. Each looks at each message, all at once; without one nothing is scanned."`
	Convict string         `key:"convict" default:"any" oneof:"any|majority" doc:"How many engines must find malware for a message to be refused: one, or more than half of those that answered."`
	Quorum  int            `key:"quorum" default:"1" min:"1" doc:"Engines that must have answered. With fewer, unscannable or on_failure says what follows."`
}

type engineConfig struct {
	Name      string          `key:"name" needs:"yes" doc:"Name in logs, findings and metrics: a-z, 0-9, - and _."`
	Type      string          `key:"type" default:"clamd" oneof:"clamd|icap" doc:"What the engine speaks."`
	Address   engineAddresses `key:"address" doc:"Where clamd listens: host:port or unix:/path. Several, with commas: daemons with the same signatures, the least busy first."`
	URL       string          `key:"url" doc:"ICAP service, icap://host:port/service."`
	Profile   string          `key:"profile" default:"generic" oneof:"generic|c-icap" doc:"What the ICAP service means by its answers."`
	Feed      string          `key:"feed" oneof:"needed|raw|leaves|both" doc:"What the engine is given. needed: the message as it came, and each decoded part that clamd may not come to by itself; raw: the message, and the parts that may be read in several ways; leaves: each decoded part; both: the message and each decoded part. Unset: needed for clamd, leaves for icap."`
	Deadline  duration        `key:"deadline" default:"20s" min:"1ms" doc:"For the vote after the end of data, and for how long in all the engine may hold a large message back."`
	MaxSize   size            `key:"max_size" default:"100MiB" min:"1KiB" doc:"Largest content the engine takes. clamd: its StreamMaxLength."`
	OnFailure string          `key:"on_failure" oneof:"closed|tag|open" doc:"What follows when the engine has no vote and that matters: deferred, marked, or nothing. Unset: what unscannable says for the recipient."`
	InMemory  bool            `key:"in_memory" default:"false" doc:"Your word that the engine keeps what it scans off the disk (docs/operate/antivirus.md). Without it check-config warns."`
}

type limitsConfig struct {
	MaxMessage         size     `key:"max_message" default:"50MiB" min:"64KiB" doc:"Largest message."`
	Memory             size     `key:"memory" default:"1GiB" min:"1MiB" doc:"Held-back octets of all messages together. Unpacking may take half as much again, antivirus a quarter."`
	Sessions           int      `key:"sessions" default:"20000" min:"1" doc:"Senders' sessions at once. Each needs two file descriptors."`
	SessionsPerAddress int      `key:"sessions_per_address" default:"50" min:"1" doc:"Sessions at once of one address; an IPv6 /64 counts as one."`
	Exempt             []prefix `key:"exempt" default:"127.0.0.0/8, ::1/128" doc:"Ranges without limits per address."`
	Recipients         int      `key:"recipients" default:"100" min:"1" doc:"RCPTs of one transaction (RFC 5321 section 4.5.3.1.8 demands 100)."`
	Errors             int      `key:"errors" default:"10" min:"1" doc:"Refused commands of one session before 421."`
	IdleCommands       int      `key:"idle_commands" default:"100" min:"1" doc:"NOOP, RSET, VRFY, HELP, EHLO without a message before 421."`
	DataRate           int      `key:"data_rate" default:"512" min:"1" doc:"Octets a second a sender must reach during data."`
}

type timeoutsConfig struct {
	SenderTLS       duration `key:"sender_tls" default:"30s" min:"1ms" doc:"TLS handshake with a sender."`
	SenderCommand   duration `key:"sender_command" default:"300s" min:"1ms" doc:"A sender's next command (RFC 5321 section 4.5.3.2.7)."`
	SenderData      duration `key:"sender_data" default:"180s" min:"1ms" doc:"Any octet of a sender's data."`
	SenderMessage   duration `key:"sender_message" default:"60m" min:"1ms" doc:"A whole message from a sender."`
	Scan            duration `key:"scan" default:"30s" min:"1ms" doc:"Modules, after the end of data."`
	DNS             duration `key:"dns" default:"5s" min:"1ms" doc:"One look-up."`
	Connect         duration `key:"connect" default:"10s" min:"1ms" doc:"One address of a server."`
	ConnectAll      duration `key:"connect_all" default:"60s" min:"1ms" doc:"All attempts to reach a server."`
	ServerGreeting  duration `key:"server_greeting" default:"30s" min:"1ms" doc:"A server's greeting, EHLO and TLS, each."`
	ServerRecipient duration `key:"server_recipient" default:"240s" min:"1ms" doc:"The first RCPT with all before it."`
	ServerData      duration `key:"server_data" default:"100s" min:"1ms" doc:"DATA until 354."`
	ServerWrite     duration `key:"server_write" default:"150s" min:"1ms" doc:"Writing to a server without progress."`
	ServerCommit    duration `key:"server_commit" default:"585s" min:"1ms" doc:"End of data until a server's reply."`
	ServerLate      duration `key:"server_late" default:"15m" min:"1ms" doc:"Reading on for a late reply."`
	ServerReset     duration `key:"server_reset" default:"20s" min:"1ms" doc:"RSET."`
	PoolIdle        duration `key:"pool_idle" default:"30s" min:"1ms" doc:"A kept server session unused."`
	PoolAge         duration `key:"pool_age" default:"10m" min:"1ms" doc:"A kept server session's life."`
	PoolSlot        duration `key:"pool_slot" default:"10s" min:"1ms" doc:"Waiting for a free connection to a server."`
}

type shutdownConfig struct {
	Delay  duration `key:"delay" default:"0" doc:"Still accepting after the stop was asked for. Kubernetes: 10s."`
	Grace  duration `key:"grace" default:"30s" doc:"For messages in flight."`
	Commit duration `key:"commit" default:"25s" doc:"More for messages whose end of data has gone to a server."`
}

type logConfig struct {
	Format string `key:"format" default:"json" oneof:"json|logfmt|postfix" doc:"A line a message in JSON or key=value, or a line a recipient as Postfix writes it."`
	Level  string `key:"level" default:"info" oneof:"debug|info|warn|error" doc:"Least level of operational lines; message lines are always written."`
}

type privacyConfig struct {
	Level    string `key:"level" default:"pseudonym" oneof:"pseudonym|domain|none" doc:"Envelope addresses in the log: keyed pseudonyms, pseudonyms with the domain in clear, or not at all."`
	ClientIP string `key:"client_ip" default:"full" oneof:"full|net|none" doc:"Senders' IP addresses in the log: whole, cut to /24 and /48, or not at all."`
	Key      secret `key:"key" doc:"Key of the pseudonyms, at least 16 octets. Unset: random for each process, so that pseudonyms change at a restart."`
}
