// What it costs to be called back, as tests/bench/frames.c measures it. By cgo's rules C that is in a file with what is
// exported to it has to be inline.
//
// SPDX-License-Identifier: MIT
package main

/*
extern int addInGo(int a, int b);

static inline void call_back(long count) {
    for (long i = 0; i < count; i++) {
        int result = addInGo((int)i, 1);
        __asm__ volatile("" : : "r"(result));
    }
}
*/
import "C"

//export addInGo
func addInGo(a, b C.int) C.int {
	return a + b
}

func callbacks(count int) float64 {
	before := now()
	C.call_back(C.long(count))
	return float64(now() - before)
}
