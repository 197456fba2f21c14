package antivirus

import (
	"context"
	"fmt"
	"io"
	"strconv"
)

// A request is one RESPMOD on its way.
type request struct {
	engine  *icap
	conn    *conn
	content *Content
	options options

	head []byte // not sent yet
	rest []byte // of content, behind the preview
	over bool   // content has ended
}

// The HTTP request and answer around the content (RFC 3507 section 4.9.2 wants
// both). The host does not exist (RFC 6761).
const (
	httpRequest = "GET http://content.invalid/ HTTP/1.1\r\nHost: content.invalid\r\n\r\n"
	httpAnswer  = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
)

var (
	crlf        = []byte("\r\n")
	lastChunk   = []byte("0\r\n\r\n")
	lastPreview = []byte("0; ieof\r\n\r\n") // RFC 3507 section 4.5: there is no more
)

// send sends the request. An answer instead of 100 to the preview ends it.
func (r *request) send(ctx context.Context) (*answer, error) {
	preview := -1
	if r.engine.profile.Preview {
		preview = r.options.preview
	}
	r.begin(preview)
	if preview >= 0 {
		if a, err := r.sendPreview(ctx, preview); a != nil || err != nil || r.over {
			return a, err
		}
	}
	return nil, r.sendRest(ctx)
}

// begin writes the header.
func (r *request) begin(preview int) {
	answer := httpAnswer
	if n := r.content.Size(); n >= 0 {
		answer += "Content-Length: " + strconv.FormatInt(n, 10) + "\r\n"
	}
	answer += "\r\n"
	h := fmt.Appendf(nil, "RESPMOD %s ICAP/1.0\r\nHost: %s\r\n", r.engine.service, r.engine.host)
	if r.options.allow204 || r.engine.profile.Always204 {
		h = append(h, "Allow: 204\r\n"...)
	}
	if preview >= 0 {
		h = fmt.Appendf(h, "Preview: %d\r\n", preview)
	}
	h = fmt.Appendf(h, "Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n", len(httpRequest), len(httpRequest)+len(answer))
	h = append(h, httpRequest...)
	r.head = append(h, answer...)
}

// sendPreview sends the first n octets. It returns the answer if that is not
// to go on.
func (r *request) sendPreview(ctx context.Context, n int) (*answer, error) {
	b, err := r.first(ctx, n)
	if err != nil {
		return nil, err
	}
	end := lastChunk
	if r.over {
		end = lastPreview
	}
	if err := r.chunk(b, end); err != nil || r.over {
		return nil, err
	}
	a, err := r.conn.readAnswer()
	if err != nil || a.code == 100 {
		return nil, err
	}
	return a, nil
}

// first returns up to n octets, fewer only if content has no more.
func (r *request) first(ctx context.Context, n int) ([]byte, error) {
	b, err := r.next(ctx)
	if err != nil || len(b) > n {
		r.rest = b[min(n, len(b)):]
		return b[:min(n, len(b))], err
	}
	got := append(make([]byte, 0, n), b...)
	for !r.over {
		if b, err = r.next(ctx); err != nil {
			return nil, err
		}
		k := min(n-len(got), len(b))
		got = append(got, b[:k]...)
		if k < len(b) {
			r.rest = b[k:]
			break
		}
	}
	return got, nil
}

// next returns the next octets, none at the end.
func (r *request) next(ctx context.Context) ([]byte, error) {
	b, err := r.content.Next(ctx)
	if err == io.EOF {
		r.over = true
		return nil, nil
	}
	return b, err
}

// sendRest sends what is left, a chunk each.
func (r *request) sendRest(ctx context.Context) error {
	b := r.rest
	for !r.over {
		if len(b) > 0 {
			if err := r.chunk(b, nil); err != nil {
				return err
			}
		}
		var err error
		if b, err = r.next(ctx); err != nil {
			return err
		}
	}
	return r.chunk(nil, lastChunk)
}

// chunk sends octets as one chunk, and what ends the body, with whatever was
// not sent before, in one write.
func (r *request) chunk(b, end []byte) error {
	h := r.head
	r.head = nil
	if len(b) == 0 {
		return r.conn.writev(h, end)
	}
	h = strconv.AppendInt(h, int64(len(b)), 16)
	h = append(h, crlf...)
	if err := r.conn.writev(h, b, crlf, end); err != nil {
		return fmt.Errorf("send content: %w", err)
	}
	return nil
}
