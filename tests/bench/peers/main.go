// The bench's peers in Go. Prints one figure, for a row of the bench to read: what the row's run would return.
//
//	bench-go NAME COUNT
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

var figures = map[string]func(count int) float64{
	"call":        calls,
	"call-double": doubleCalls,
	"callback":    callbacks,
	"two-to-one":  twoToOne,
	"yield":       yields,
	"spawn":       lives,
	"join":        joinedLives,
	"park":        parks,
	"memory":      bytesOfParked,
	"stops":       stops,
	"next-hot":    nextHot,
	"next-idle":   nextIdle,
	"next-busy":   nextBusy,
	"crowd":       crowdTime,
	"crowd-pause": crowdPause,
	"beside-busy": besideBusy,
}

var start = time.Now()

// Nanoseconds on a clock that never goes back.
func now() int64 {
	return int64(time.Since(start))
}

func main() {
	if len(os.Args) == 3 && figures[os.Args[1]] != nil {
		if count, err := strconv.Atoi(os.Args[2]); err == nil {
			fmt.Println(figures[os.Args[1]](count))
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: bench-go NAME COUNT")
	os.Exit(2)
}
