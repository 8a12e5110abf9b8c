// Package client is what a service imports to start workflows and to talk to them.
//
//	c, err := client.New(nc)
//	run, err := client.Start(ctx, c, shop.Checkout, order, client.ID("order-42"), client.Queue("orders"))
//	receipt, err := run.Wait(ctx)
//
// The types come from the workflow function: a wrong argument does not compile, and Wait returns what the workflow returns.
// Workflows in another language, or ones that the service does not import, are started by name with [StartNamed].
//
// A start and a signal are durable when they return without an error: they are part of the workflow's history. An error of
// code timeout leaves open whether they will be; asking again with the same [RequestID] is safe, for as
// long as the workflow ID has had no other run since.
//
// An [Update] is done once, whatever happens to whoever asked for it, and its answer can be asked for again.
//
// Every call takes a deadline from its context, or 15 s; only [Run.Wait] and updates wait for as long as its context allows. A [Client] is
// safe for concurrent use.
package client
