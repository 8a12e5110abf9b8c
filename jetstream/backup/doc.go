// Package backup keeps a namespace in a directory, and makes it anew from there.
//
// A backup is a file for each stream, as JetStream writes its snapshots, a manifest, and the SHA-256 of all of them in SHA256SUMS, which is
// written last: a directory without it is no backup. `sha256sum -c SHA256SUMS` checks one as well.
//
// Nothing stops for a backup. The streams are taken one after the other, in an order that loses nothing, and what one of them has that
// another does not is brought in line when the namespace is restored: see [jetstream.Store.Backed].
package backup
