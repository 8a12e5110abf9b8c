package main

import (
	"math"
	"strconv"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// limitFlags say from when on new runs are refused.
type limitFlags struct {
	MaxStore   size `help:"Most that the streams may take, such as 50GB; new runs are refused at nine tenths." placeholder:"SIZE"`
	MaxBacklog int  `help:"Tasks, or messages in inboxes, that may wait before new runs are refused. Kept." placeholder:"N"`
}

// size is a number of bytes.
type size int64

// units are powers of 1,024, as in the configuration of NATS.
var units = []struct {
	name  string
	bytes float64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}, {"", 1}}

// UnmarshalText reads sizes such as 50GB, 1.5TB and 1048576.
func (s *size) UnmarshalText(text []byte) error {
	given := strings.ReplaceAll(strings.ToUpper(string(text)), "IB", "B")
	for _, u := range units {
		number, ok := strings.CutSuffix(given, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || n < 0 || n*u.bytes > math.MaxInt64/2 || math.IsNaN(n) {
			break
		}
		*s = size(n * u.bytes)
		return nil
	}
	return protocol.Errorf(protocol.CodeBadRequest, "%q is no size", string(text)).WithHint("such as 500MB, 50GB or 1.5TB")
}
