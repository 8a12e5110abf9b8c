// Package badinput sends an engine what nobody should: messages that are malformed, cut, too large, too new or in the wrong place, on
// every subject that there is, and workflows and activities that fail in every way there is. Each must end in an error to whoever sent
// it, or among the dead letters with the reason, and everybody else must go on as if nothing had been.
package badinput
