// SPDX-License-Identifier: MIT
// Allocates for LOAD_SECONDS in THREADS goroutines and says what the runtime's own statistics counted.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

type node struct {
	next *node
	data [64]byte
}

// build makes a list: pointers keep the marker busy.
func build(n int) (head *node) {
	for i := 0; i < n; i++ {
		head = &node{next: head}
	}
	return head
}

func allocate(end time.Time, kept **node) {
	for time.Now().Before(end) {
		*kept = build(20000)
		time.Sleep(time.Millisecond)
	}
}

func main() {
	threads, _ := strconv.Atoi(os.Getenv("THREADS"))
	seconds, _ := strconv.Atoi(os.Getenv("LOAD_SECONDS"))
	in := bufio.NewReader(os.Stdin)
	fmt.Println("READY")
	in.ReadString('\n')

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	kept := make([]*node, threads)
	var workers sync.WaitGroup
	for i := range kept {
		workers.Add(1)
		go func(slot **node) {
			defer workers.Done()
			allocate(end, slot)
		}(&kept[i])
	}
	workers.Wait()
	runtime.ReadMemStats(&after)
	fmt.Printf("BOOKS {\"library\":\"go\",\"books\":{\"collections\":%d,\"pause_sum_ms\":%.3f}}\n", after.NumGC-before.NumGC,
		float64(after.PauseTotalNs-before.PauseTotalNs)/1e6)
	in.ReadString('\n')
	runtime.KeepAlive(kept)
}
