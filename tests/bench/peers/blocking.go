// What blocking calls do to other goroutines: as tests/bench/blocking.c measures it.
//
// SPDX-License-Identifier: MIT
package main

// #include <unistd.h>
import "C"

import (
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
)

const million = 1000 * 1000

func sleepInC(us int) {
	if us > 0 {
		C.usleep(C.useconds_t(us))
	}
}

var computed uint32

func computeSome() {
	for i := 0; i < 10000; i++ {
		computed = computed*69069 + 1
	}
}

// The median of the microseconds from a call until the next goroutine runs on the only P.
func next(idle, busy, call, count int) float64 {
	runtime.GOMAXPROCS(1)
	turns := make(chan bool, 1)
	var calledAt, delay int64
	go func() {
		for range turns {
			for atomic.LoadInt64(&calledAt) == 0 {
				runtime.Gosched()
			}
			atomic.StoreInt64(&delay, now()-atomic.LoadInt64(&calledAt))
		}
	}()
	delays := make([]float64, count)
	for i := range delays {
		atomic.StoreInt64(&calledAt, 0)
		atomic.StoreInt64(&delay, 0)
		sleepInC(idle)
		turns <- true
		for end := now() + int64(busy)*1000; now() < end; {
			computeSome()
		}
		atomic.StoreInt64(&calledAt, now())
		sleepInC(call)
		for atomic.LoadInt64(&delay) == 0 {
			runtime.Gosched()
		}
		delays[i] = float64(delay) / 1000
	}
	sort.Float64s(delays)
	return delays[count/2]
}

func nextHot(count int) float64 {
	return next(0, 0, 1000, count)
}

func nextIdle(count int) float64 {
	return next(50*1000, 0, 20*1000, count)
}

func nextBusy(count int) float64 {
	return next(0, 300*1000, 20*1000, count)
}

// Milliseconds in which members goroutines, each in one call of us microseconds, are done, on two Ps and
// beside one that does something over and over.
func crowd(members, us int, beside func()) float64 {
	runtime.GOMAXPROCS(2)
	var begun, end int32
	var busy, done sync.WaitGroup
	busy.Add(1)
	go func() {
		for atomic.StoreInt32(&begun, 1); atomic.LoadInt32(&end) == 0; {
			beside()
		}
		busy.Done()
	}()
	for atomic.LoadInt32(&begun) == 0 {
		runtime.Gosched()
	}
	before := now()
	for i := 0; i < members; i++ {
		done.Add(1)
		go func() {
			sleepInC(us)
			done.Done()
		}()
	}
	done.Wait()
	elapsed := now() - before
	atomic.StoreInt32(&end, 1)
	busy.Wait()
	return float64(elapsed) / million
}

var tickedAt, pause int64

func tick() {
	at := now()
	if tickedAt != 0 && at-tickedAt > pause {
		pause = at - tickedAt
	}
	tickedAt = at
	runtime.Gosched()
}

func crowdTime(count int) float64 {
	return crowd(count, 10*1000, tick)
}

func crowdPause(count int) float64 {
	crowd(count, 10*1000, tick)
	return float64(pause) / million
}

func besideBusy(ms int) float64 {
	return crowd(200, ms*1000, computeSome)
}
