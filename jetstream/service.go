package jetstream

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/millrace-dev/millrace/protocol"
)

// Endpoint handles one request of the control API.
type Endpoint = func(ctx context.Context, data []byte) (any, error)

// ServeAPI serves the control API as a NATS micro service, which `nats micro` lists, until stop is called. Each request runs
// in a goroutine of its own, with a deadline.
func (s *Store) ServeAPI(version string, endpoints map[string]Endpoint) (stop func(), err error) {
	service, err := micro.AddService(s.nc, micro.Config{
		Name: "millrace-" + string(s.ns), Version: version, Description: "Millrace control API",
	})
	if err != nil {
		return nil, wrap(err)
	}
	var running gate
	ctx, cancel := context.WithCancel(context.Background())
	stop = func() {
		_ = service.Stop() // fails only on a closed connection, which has no service either
		cancel()
		running.close() // the service's subscriptions may still deliver for a while
	}
	for name, endpoint := range endpoints {
		handle := micro.HandlerFunc(func(r micro.Request) {
			// The request itself belongs to the service again when this returns: its Respond and Error may not be called later.
			data, reply := r.Data(), r.Reply()
			if !answerable(reply) {
				return
			}
			running.begin(func() { s.serve(ctx, data, reply, endpoint) })
		})
		if err := service.AddEndpoint(name, handle, micro.WithEndpointSubject(s.ns.API(name))); err != nil {
			stop()
			return nil, wrap(err)
		}
	}
	if err := s.flush(); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// ServeHistories answers the workers of each queue who ask for the histories of its runs, until stop is called.
func (s *Store) ServeHistories(answer func(ctx context.Context, queue string, data []byte) (any, error)) (stop func(), err error) {
	var running gate
	ctx, cancel := context.WithCancel(context.Background())
	unsubscribe, err := s.subscribe(s.ns.API(protocol.EndpointHistory+".*"), nodeGroup, func(m *nats.Msg) {
		running.begin(func() {
			s.serve(ctx, m.Data, m.Reply, func(ctx context.Context, data []byte) (any, error) {
				queue, err := s.ns.ParseHistoryOf(m.Subject)
				if err != nil {
					return nil, err
				}
				return answer(ctx, queue, data)
			})
		})
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return func() {
		unsubscribe()
		cancel()
		running.close()
	}, nil
}

// nodeGroup is the queue group of the nodes that answer requests.
const nodeGroup = "nodes"

// gate lets goroutines begin until it is closed, and then waits for those that have.
type gate struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// begin runs f in a goroutine of its own, unless the gate is closed.
func (g *gate) begin(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.running.Go(f)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

// serve answers one request. An error is answered twice over: in the headers of micro services, for tools, and in the body,
// for everybody.
func (s *Store) serve(ctx context.Context, request []byte, reply string, endpoint Endpoint) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer, err := endpoint(ctx, request)
	if err == nil {
		var data []byte
		if data, err = protocol.Marshal(answer); err == nil {
			err = s.answer(&nats.Msg{Subject: reply, Data: data})
		}
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return // of a canceled one the node stops; the asker's deadline, or another node, answers
	}
	refusal := protocol.AsError(err)
	body, err := protocol.Marshal(protocol.ErrorAnswer{Error: refusal})
	if err != nil {
		body = nil
	}
	m := &nats.Msg{Subject: reply, Data: body, Header: nats.Header{
		micro.ErrorHeader: {refusal.Message}, micro.ErrorCodeHeader: {string(refusal.Code)},
	}}
	_ = s.answer(m) // nobody to tell: the asker is gone, or the connection is
}
