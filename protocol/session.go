package protocol

import "strings"

// Sessions run a series of activities on one worker. The workflow asks for an activity of type [SessionActivity] on the queue's
// [SessionQueue], with a [SessionHold] for its input and one attempt. The worker that takes it signals the workflow, by the name of
// [SessionSignal], a [SessionOffer] with a queue that nobody else serves, and holds the activity until it is canceled. The session has
// failed when that activity ends before: the broker notices if the worker is gone.

// SessionActivity is the type of the activity that holds a session.
const SessionActivity = "millrace.Session"

// SessionHold asks for a session.
type SessionHold struct {
	ID string `json:"session_id"`
}

// SessionOffer tells the workflow where its session is.
type SessionOffer struct {
	Queue  string `json:"queue"`
	Worker string `json:"worker"`
}

// SessionQueue is where the workers of a queue take sessions.
func SessionQueue(queue string) string { return queue + "~sessions" }

// PrivateQueue is a queue that one worker serves.
func PrivateQueue(queue, worker string) string { return queue + "~" + worker }

// SessionSignal is the name of the signal with the offer for a session.
func SessionSignal(id string) string { return sessionSignal + id }

const sessionSignal = "millrace.session:"

func isSessionSignal(name string) bool { return strings.HasPrefix(name, sessionSignal) }
