// Package verdict judges what is known when a load has ended: the histories, what activities wrote down themselves, what clients asked
// and heard, and what still lies in queues. It does no I/O, so each judge is tested with evidence of a crime that was planted.
//
// evidence.go, call.go and note.go are what is known, history.go reads the records of a workflow, and each of the other files is a judge
// of one kind of promise. judge.go lets all of them judge.
package verdict
