// Package warp makes clocks wrong and disks slow or full, without privileges and on any system with a Go tool and the sources of Millrace:
// it compiles the command with a standard library in which time.Now and the writing of files obey a [Dial], which is a file that another
// process turns.
//
// build.go compiles, dial.go is the dial as seen from outside, time.go.txt and os.go.txt are what is added to packages time and os.
package warp
