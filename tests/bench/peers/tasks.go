// What goroutines and short calls cost: as tests/bench/tasks.c and calls.c measure it.
//
// SPDX-License-Identifier: MIT
package main

/*
static __attribute__((noinline)) int add(int a, int b) {
    return a + b;
}

static __attribute__((noinline)) double scale(double a, double b) {
    return a * b;
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

const batch = 32

var sink C.int
var doubleSink C.double

func calls(count int) float64 {
	before := now()
	for i := 0; i < count; i++ {
		sink = C.add(C.int(i), 1)
	}
	return float64(now() - before)
}

func doubleCalls(count int) float64 {
	before := now()
	for i := 0; i < count; i++ {
		doubleSink = C.scale(C.double(i), 2)
	}
	return float64(now() - before)
}

// How much faster two goroutines call on two Ps than one on one.
func twoToOne(count int) float64 {
	runtime.GOMAXPROCS(2)
	one := calls(count)
	var begun int32
	var done sync.WaitGroup
	var before [2]int64
	for i := range before {
		i := i
		done.Add(1)
		go func() {
			defer done.Done()
			for atomic.AddInt32(&begun, 1); atomic.LoadInt32(&begun) < 2; {
			}
			before[i] = now()
			var result C.int
			for k := 0; k < count; k++ {
				result = C.add(C.int(k), result)
			}
		}()
	}
	done.Wait()
	after := now()
	first := before[0]
	if before[1] < first {
		first = before[1]
	}
	return 2 * one / float64(after-first)
}

// Two goroutines that yield to each other.
func yields(count int) float64 {
	runtime.GOMAXPROCS(1)
	var done sync.WaitGroup
	done.Add(2)
	before := now()
	for i := 0; i < 2; i++ {
		go func() {
			for k := 0; k < count/2; k++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	done.Wait()
	return float64(now() - before)
}

func lives(count int) float64 {
	runtime.GOMAXPROCS(1)
	before := now()
	for i := 0; i < count; i += batch {
		for k := 0; k < batch; k++ {
			go func() {}()
		}
		runtime.Gosched()
	}
	return float64(now() - before)
}

func joinedLives(count int) float64 {
	runtime.GOMAXPROCS(1)
	var done sync.WaitGroup
	before := now()
	for i := 0; i < count; i++ {
		done.Add(1)
		go done.Done()
		done.Wait()
	}
	return float64(now() - before)
}

func residentBytes() int64 {
	var size, resident int64
	file, err := os.Open("/proc/self/statm")
	if err == nil {
		_, err = fmt.Fscan(file, &size, &resident)
		file.Close()
	}
	if err != nil {
		panic(err)
	}
	return resident * int64(os.Getpagesize())
}

// Parks count goroutines; returns the nanoseconds and the bytes that took.
func park(count int) (float64, float64) {
	runtime.GOMAXPROCS(1)
	end := make(chan bool)
	bytes, before := residentBytes(), now()
	for i := 0; i < count; i++ {
		go func() { <-end }()
		if i%batch == 0 {
			runtime.Gosched()
		}
	}
	runtime.Gosched()
	return float64(now() - before), float64(residentBytes() - bytes)
}

func parks(count int) float64 {
	time, _ := park(count)
	return time
}

func bytesOfParked(count int) float64 {
	_, bytes := park(count)
	return bytes
}

// The world stopped, for statistics, beside a goroutine that computes.
func stops(count int) float64 {
	runtime.GOMAXPROCS(2)
	var over int32
	var statistics runtime.MemStats
	go func() {
		for atomic.LoadInt32(&over) == 0 {
		}
	}()
	before := now()
	for i := 0; i < count; i++ {
		runtime.ReadMemStats(&statistics)
	}
	elapsed := now() - before
	atomic.StoreInt32(&over, 1)
	return float64(elapsed)
}
