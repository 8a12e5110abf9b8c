package jetstream_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// sieve is a connection to the server on which one message gets lost: the first one to contain something.
type sieve struct {
	nats.InProcessConnProvider

	drop string // empty when it was
}

// through makes a connection use the sieve.
func (s *sieve) through(o *nats.Options) error {
	s.InProcessConnProvider, o.InProcessServer = o.InProcessServer, s
	return nil
}

func (s *sieve) InProcessConn() (net.Conn, error) {
	conn, err := s.InProcessConnProvider.InProcessConn()
	return &sieved{Conn: conn, sieve: s, from: bufio.NewReader(conn)}, err
}

type sieved struct {
	net.Conn

	sieve *sieve
	from  *bufio.Reader
	rest  []byte
}

func (c *sieved) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		said, err := c.line()
		if err != nil {
			return 0, err
		}
		if c.sieve.drop == "" || !bytes.Contains(said, []byte(c.sieve.drop)) {
			c.rest = said
		} else {
			c.sieve.drop = ""
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// line is the next thing that the server says, with what belongs to it.
func (c *sieved) line() ([]byte, error) {
	head, err := c.from.ReadBytes('\n')
	if err != nil || !bytes.HasPrefix(head, []byte("HMSG ")) && !bytes.HasPrefix(head, []byte("MSG ")) {
		return head, err
	}
	words := strings.Fields(string(head))
	size, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return nil, err
	}
	body := make([]byte, size+len("\r\n"))
	if _, err := io.ReadFull(c.from, body); err != nil {
		return nil, err
	}
	return append(head, body...), nil
}
