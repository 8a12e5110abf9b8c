// Package durable takes the power away, damages files, and keeps backups, while workflows run, and reads from the histories afterwards what
// is left.
package durable
