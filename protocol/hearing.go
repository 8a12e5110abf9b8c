package protocol

// Hearing is a stretch of time in which nothing was lost of what was sent to a connection. Two that are equal, and not zero, are one.
type Hearing struct {
	Server  string // the ID of the server at the other end, if that is part of no cluster
	Stretch uint64 // how often the connection had been lost before
}
