// Package access says what each role of Millrace may publish and subscribe to, and nothing beyond: the least that lets a client, a
// worker, an orchestrator or an observer do its job on a NATS that it shares with others. It is a list of subjects; `millrace auth
// template` prints it, docs/security.md says what it separates and what it cannot.
package access
