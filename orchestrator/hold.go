package orchestrator

import (
	"context"
	"log/slog"

	"github.com/millrace-dev/millrace/protocol"
)

// Holding is one shard in the hands of somebody who believes to own it, without a lease and without other nodes. It is exported for this
// repository's simulation, which decides by itself who believes what; there is no promise of compatibility.
type Holding struct {
	shard *shard
	rows  *rows
}

// Hold works on a shard of a store until the holding is released or ctx ends. Its steps are named by nonce. With a baton it has the shard
// from another holder.
func Hold(
	ctx context.Context, shard int, ns protocol.Namespace, store Store, log *slog.Logger, nonce func() string, baton *protocol.Baton,
) (*Holding, error) {
	rows := newRows(store, log)
	s := newShard(ctx, shard, ns, store, rows, log, nonce)
	s.retake = func() {} // the simulation's streams lose nothing: what looks like it is a bug, and is left to be found
	start := s.start
	if baton != nil {
		start = func() error { return s.inherit(*baton, func() error { return nil }) }
	}
	if err := start(); err != nil {
		rows.stop()
		return nil, err
	}
	return &Holding{s, rows}, nil
}

// Release gives the shard up, as a node does that hands it over: the steps under way end, unless ctx ends first. pass may hand it to
// another holder; nil does not.
func (h *Holding) Release(ctx context.Context, pass func(protocol.Baton) (taken bool)) {
	h.shard.stop(ctx, pass)
	h.rows.stop()
}
