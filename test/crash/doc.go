// Package crash kills processes. The test binary starts itself again as orchestrators and as workers, kills them with SIGKILL at
// random moments while workflows run, and reads from the histories that nothing was lost and nothing was done twice.
//
// A failing run prints its seed; go test ./test/crash -seed N repeats its moments, though not the machine's.
package crash
