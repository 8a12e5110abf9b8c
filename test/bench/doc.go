// Package bench holds benchmarks of the parts that a workflow's step is made of, and of a whole hello:
//
//	go test -bench . -benchmem ./test/bench
//
// They are for comparing two versions of a part. What the engine costs beside its broker is for `millrace bench` to say.
package bench
