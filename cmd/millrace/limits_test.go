package main

import "testing"

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{
		"0": 0, "17": 17, "17B": 17, "1KB": 1024, "1.5kb": 1536, "500MB": 500 << 20, "50 GB": 50 << 30, "2GiB": 2 << 30, "1TB": 1 << 40,
	} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GB", "-1", "-1GB", "ten", "1PB", "NaN", "1e30TB", "0x10"} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
