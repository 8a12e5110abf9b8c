// Package embedded runs a NATS server with JetStream inside the process. It is the only package that links nats-server, which
// is 10 MB: a program that only starts workflows or only runs activities does without.
package embedded
