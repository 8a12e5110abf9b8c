// Package sim simulates.
package sim
