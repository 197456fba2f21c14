package stream

import (
	"testing"

	"sluice/policy"
	"sluice/stream/wire"
)

// Whatever words an operator has for a rule, a sender learns the rule, the
// page about it and whom to turn to.
func TestPolicyReply(t *testing.T) {
	for _, c := range []struct {
		d    policy.Disposition
		want wire.Reply
	}{
		{policy.Disposition{Action: policy.Reject, Rule: "a.x"},
			wire.Reply{Code: 550, Enhanced: "5.7.1", Text: "[a.x] Refused; see https://mx.test/e/ID.1"}},
		{policy.Disposition{Action: policy.Reject, Rule: "a.x", Text: "No programs", Contact: "help@y.test"},
			wire.Reply{Code: 550, Enhanced: "5.7.1", Text: "[a.x] No programs; see https://mx.test/e/ID.1; contact help@y.test"}},
		{policy.Disposition{Action: policy.Reject, Rule: "a.x", Class: policy.Ambiguous},
			wire.Reply{Code: 550, Enhanced: "5.6.0", Text: "[a.x] Refused; see https://mx.test/e/ID.1"}},
		{policy.Disposition{Action: policy.Defer, Rule: "a.x", Text: "No programs", Soft: true},
			wire.Reply{Code: 450, Enhanced: "4.7.1", Text: "[a.x] No programs; see https://mx.test/e/ID.1"}},
		// A deferral asks for nothing but patience: there is no page about it.
		{policy.Disposition{Action: policy.Defer, Rule: "a.x"},
			wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "[a.x] Try again later"}},
		{policy.Disposition{Action: policy.Defer, Rule: "a.x", Text: "Come back at noon"},
			wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "[a.x] Come back at noon"}},
		{policy.Disposition{Action: policy.Defer, Rule: "a.failed"},
			wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "Could not be checked"}},
		{policy.Disposition{Action: policy.Defer, Rule: "a.failed", Text: "Our scanner rests"},
			wire.Reply{Code: 451, Enhanced: "4.7.1", Text: "[a.failed] Our scanner rests"}},
	} {
		tx := &transaction{id: "ID.1", setup: &Setup{RefusalURL: "https://mx.test/e/"}}
		if got, _ := tx.refusedBy(c.d); got != c.want {
			t.Errorf("%+v:\n got %+v\nwant %+v", c.d, got, c.want)
		}
	}
}
