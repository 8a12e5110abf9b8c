package traffic

import (
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/worker"
)

// Worker is a worker with every workflow and activity of the mix. Its activities write into a file of their own in ledgerDir, which must be
// there.
func Worker(
	nc *nats.Conn, queue, identity, ledgerDir string, logger *slog.Logger, opts ...worker.Option,
) *worker.Worker {
	c := &crew{ledger: newLedger(ledgerDir, identity)}
	return worker.New(nc, queue, append([]worker.Option{
		worker.Identity(identity), worker.Logger(logger),
		worker.Workflow(Chain), worker.Workflow(Toil), worker.Workflow(Naps), worker.Workflow(Mailbox), worker.Workflow(Register),
		worker.Workflow(Patient), worker.Workflow(Courier), worker.Workflow(Deskwork), worker.Workflow(Family), worker.Workflow(Child),
		worker.Activity(c.Work), worker.Activity(c.Hold), worker.Activity(c.Copy),
	}, opts...)...)
}
