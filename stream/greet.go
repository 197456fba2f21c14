package stream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

// greet brings a new connection to where MAIL can be said.
func (p *servers) greet(ctx context.Context, setup *Setup, u *upstream, dane *daneRecords, plain bool) *dialError {
	if err := u.proxy(setup); err != nil {
		return dialFault(dialBanner, replyUnreachable, err)
	}
	mode, implicit := u.pool.key.tlsMode, u.pool.key.implicit
	if implicit {
		if fault := u.secure(ctx, setup, dane); fault != nil {
			return fault
		}
	}
	if fault := u.greeting(setup); fault != nil {
		return fault
	}
	name := u.ehloName(setup)
	if fault := u.hello(setup, name); fault != nil {
		return fault
	}
	if !implicit && mode != policy.TLSNone && !plain {
		if fault := u.startTLS(ctx, setup, dane); fault != nil {
			return fault
		}
		if u.tls != "" { // RFC 3207 section 4.2: what was said before counts no more
			if fault := u.hello(setup, name); fault != nil {
				return fault
			}
		}
	}
	if u.pool.key.identity == policy.IdentityXCLIENT {
		if err := u.xclient(setup); err != nil {
			return dialFault(dialBanner, replyUnreachable, err)
		}
	}
	if u.pool.key.username != "" {
		return u.authenticate(setup)
	}
	return nil
}

// proxy sends the PROXY header, in clear and before everything else.
func (u *upstream) proxy(setup *Setup) error {
	version := byte(0)
	switch u.pool.key.identity {
	case policy.IdentityProxyV1:
		version = 1
	case policy.IdentityProxyV2:
		version = 2
	default:
		return nil
	}
	header, err := proxyHeader(version, u.who, u.c.sock.inner)
	if err != nil {
		return fmt.Errorf("make PROXY header: %w", err)
	}
	if err := u.c.SetDeadline(time.Now().Add(setup.Timeouts.ServerGreeting)); err != nil {
		return err
	}
	_, err = u.c.Write(header)
	return err
}

// ask sends one command of the dialogue before MAIL and reads its reply. An
// empty line only reads.
func (u *upstream) ask(setup *Setup, line string) (wire.Reply, *dialError) {
	err := u.c.SetDeadline(time.Now().Add(setup.Timeouts.ServerGreeting))
	if err == nil && line != "" {
		_, err = u.c.Write([]byte(line + "\r\n"))
	}
	var r wire.Reply
	if err == nil {
		r, err = u.read(0)
	}
	if err == nil && u.in.len() > 0 {
		err = u.fault(errReplyGarbled)
	}
	if err != nil {
		result := dialBanner
		if errors.Is(err, errServerLate) {
			result = dialTimeout
		}
		return r, dialFault(result, replyUnreachable, err)
	}
	u.in.release()
	return r, nil
}

// greeting reads the 220. Octets behind it are garbage: the server speaks
// before it was spoken to.
func (u *upstream) greeting(setup *Setup) *dialError {
	r, fault := u.ask(setup, "")
	if fault != nil {
		return fault
	}
	if r.Code != 220 {
		return dialFault(dialBanner, replyUnreachable, errRefusedUs)
	}
	// The host name alone proves nothing: servers keep the MX's name after a
	// migration.
	first, rest, _ := strings.Cut(r.Text, " ")
	if strings.EqualFold(first, setup.Hostname) && strings.HasPrefix(rest, "ESMTP Sluice") {
		return dialFault(dialBanner, replyRoutingLoop, errLoop.Err)
	}
	return nil
}

func (u *upstream) ehloName(setup *Setup) string {
	if u.pool.key.ehloName != "" {
		return u.pool.key.ehloName
	}
	return setup.Hostname
}

// hello says EHLO, or LHLO, or HELO to a server that knows no better.
func (u *upstream) hello(setup *Setup, name string) *dialError {
	u.ehlo = wire.EHLO{}
	verb := "EHLO "
	if u.lmtp {
		verb = "LHLO "
	}
	r, fault := u.ask(setup, verb+name)
	if fault != nil {
		return fault
	}
	if r.Class() == 2 {
		u.ehlo = wire.ParseEHLO(r)
		return nil
	}
	if r.Class() == 5 && !u.lmtp {
		if r, fault = u.ask(setup, "HELO "+name); fault != nil {
			return fault
		}
		if r.Class() == 2 {
			return nil
		}
	}
	return dialFault(dialBanner, replyUnreachable, errRefusedUs)
}

// startTLS makes the session secure as the route demands. Only mode may goes
// on in clear text, and after a failed handshake on a new connection.
func (u *upstream) startTLS(ctx context.Context, setup *Setup, dane *daneRecords) *dialError {
	may := u.pool.key.tlsMode == policy.TLSMay
	if !u.ehlo.Ext.Has(wire.StartTLS) {
		if may {
			return nil
		}
		return insecure(errNoStartTLS)
	}
	r, fault := u.ask(setup, "STARTTLS")
	switch {
	case fault != nil && errors.Is(fault, errReplyGarbled) && u.in.len() > 0:
		injectedOctets.Inc()
		return insecure(errInjected)
	case fault != nil:
		return fault
	case r.Code != 220 && may && r.Code != 421:
		return nil
	case r.Code != 220:
		return insecure(errNoStartTLS)
	}
	return u.secure(ctx, setup, dane)
}

// authenticate says AUTH PLAIN or LOGIN (RFC 4616), never in the hearing of
// somebody who is not certain to be the server.
func (u *upstream) authenticate(setup *Setup) *dialError {
	if !u.verified {
		return insecure(errPlainAuth)
	}
	user, password := u.pool.key.username, u.pool.key.password
	code := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	var steps []string
	switch mechs := u.ehlo.AuthMechs; {
	case slices.Contains(mechs, "PLAIN"):
		steps = []string{"AUTH PLAIN " + code("\x00"+user+"\x00"+password)}
	case slices.Contains(mechs, "LOGIN"):
		steps = []string{"AUTH LOGIN", code(user), code(password)}
	default:
		return dialFault(dialBanner, replyUnreachable, errors.New("server offers neither AUTH PLAIN nor LOGIN"))
	}
	for i, step := range steps {
		r, fault := u.ask(setup, step)
		if fault != nil {
			return fault
		}
		if last := i == len(steps)-1; last && r.Class() != 2 || !last && r.Code != 334 {
			return dialFault(dialBanner, replyUnreachable, errors.New("server refused our credentials"))
		}
	}
	return nil
}

// xclient tells the server whose session this is from now on, and says EHLO
// again in the sender's name, as the server starts over.
func (u *upstream) xclient(setup *Setup) error {
	if u.who == nil || !u.ehlo.Ext.Has(wire.XClient) {
		return nil
	}
	line := string(u.who.appendSender([]byte("XCLIENT"), u.ehlo.XClientAttrs))
	if line == "XCLIENT" {
		return nil
	}
	r, fault := u.ask(setup, line)
	if fault != nil {
		return fault
	}
	if r.Code != 220 {
		return errRefusedUs
	}
	name := u.who.helo
	if _, err := wire.ParseHelo([]byte(name)); err != nil {
		name = u.ehloName(setup)
	}
	if fault := u.hello(setup, name); fault != nil {
		return fault
	}
	u.kept = false // the server is at its start
	return nil
}
