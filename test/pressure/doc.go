// Package pressure holds tests of an engine that has too much to do, or too little to do it with: more starts than workers, a full or a
// slow disk, a clock that is wrong.
package pressure
