package orchestrator

import (
	"cmp"

	"github.com/millrace-dev/millrace/protocol"
)

// input understands a message that came through the inbox or directly.
func (s *shard) input(d protocol.Delivery) (protocol.Input, error) {
	kind, workflow, err := s.ns.ParseInput(d.Subject)
	in := protocol.Input{
		Seq: d.Seq, Time: d.Time, Workflow: workflow,
		ID: d.Get(protocol.HeaderMsgID), Once: d.Get(protocol.HeaderOnce) != "", Reply: cmp.Or(d.Reply, d.Get(protocol.HeaderReply)),
	}
	if err != nil {
		return in, err
	}
	if err := protocol.ValidateID("workflow ID", workflow); err != nil {
		return in, err
	}
	if protocol.Shard(workflow, s.store.Shards()) != s.id {
		return in, protocol.Errorf(protocol.CodeBadRequest, "workflow %q does not belong to shard %d", workflow, s.id).
			WithHint("the shard is FNV-1a-32 of the escaped workflow ID modulo the number of shards")
	}
	if kind == protocol.KindTimer {
		return in, protocol.Errorf(protocol.CodeBadRequest, "a timer cannot come through the inbox")
	}
	if err := s.store.Roomy(d.Data); err != nil {
		return in, err
	}
	in.Body, err = protocol.DecodeInput(kind, d.Data)
	return in, err
}

// fired understands a wake-up.
func (s *shard) fired(d protocol.Delivery) (protocol.Input, error) {
	workflow, err := s.ns.ParseFired(d.Subject)
	if err != nil {
		return protocol.Input{}, err
	}
	in := protocol.Input{Time: d.Time, Workflow: workflow}
	if protocol.Shard(workflow, s.store.Shards()) != s.id {
		return in, protocol.Errorf(protocol.CodeBadRequest, "workflow %q does not belong to shard %d", workflow, s.id)
	}
	in.Body, err = protocol.DecodeInput(protocol.KindTimer, d.Data)
	return in, err
}
