package main

import (
	"context"

	"github.com/millrace-dev/millrace/orchestrator"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
	"github.com/millrace-dev/millrace/worker"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// whisper is a workflow that says what it was told, and fails when there is nothing to say.
func whisper(_ workflow.Context, what string) (string, error) {
	if what == "" {
		return "", workflow.NewError("Mute", "nothing was whispered")
	}
	return "psst: " + what, nil
}

// serveSecrets runs a worker that encrypts, on a queue of its own. The scripts have the key in a file.
func serveSecrets(ctx context.Context, srv *orchestrator.Server) (<-chan error, error) {
	ring, err := aesgcm.NewRing("k1", map[string][]byte{"k1": make([]byte, aesgcm.KeySize)})
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	w := worker.New(srv.Conn(), "secrets", worker.Codec(zstd.New(), aesgcm.New(ring)), worker.EncodeFailures(),
		worker.Workflow(whisper, worker.Named("Whisper")))
	go func() { ended <- w.Run(ctx) }()
	return ended, nil
}
