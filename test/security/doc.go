// Package security tests what a hostile or a careless user of the same NATS can do: permissions, TLS, secrets in logs.
package security
