package jetstream

import (
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/protocol"
)

// Whoever asks names the subject of the answer, and the server does not look whether the asker may publish there. An orchestrator may
// publish nearly everywhere, so without a look of its own it would be the tongs of everybody who may only ask: a verdict that is sent to
// $JS.API.STREAM.PURGE.<stream> empties a stream, one that is sent to the subject of a history ruins it.

// answerable reports whether a subject can be that of an answer: of an inbox, or of what a server makes of one on its way between accounts
// and clusters. All of them begin with an underscore, and nothing else should.
func answerable(subject string) bool {
	return strings.HasPrefix(subject, "_") && len(subject) <= maxAnswer
}

// maxAnswer is the most bytes of the subject of an answer. A line of NATS that is too long costs the connection.
const maxAnswer = 1024

// answer sends a message to the subject that somebody named.
func (s *Store) answer(m *nats.Msg) error {
	if !answerable(m.Subject) {
		return protocol.Errorf(protocol.CodeBadRequest, "%.80q is no subject for an answer", m.Subject).
			WithHint("reply subjects begin with an underscore: set the inbox prefix of the connection to such a one")
	}
	return wrap(s.nc.PublishMsg(m))
}

// answerJSON is answer with a body.
func (s *Store) answerJSON(subject string, body any) error {
	data, err := protocol.Marshal(body)
	if err != nil {
		return err
	}
	return s.answer(&nats.Msg{Subject: subject, Data: data})
}
