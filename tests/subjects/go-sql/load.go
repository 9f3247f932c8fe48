// SPDX-License-Identifier: MIT
// The load of every Go subject: each of THREADS goroutines ITERS times takes a connection, runs a query of QUERY_MS, keeps
// the connection HOLD_MS longer, gives it back, and thinks THINK_MS. JITTER=1 draws query and think time from an exponential
// distribution with these means. LEAK connections are taken by a goroutine that ends without giving them back.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	_ "unsafe" // for go:linkname
)

// A pool is what a subject has to offer.
type pool interface {
	warm()                                         // opens what can be opened before the load
	take(ctx context.Context) (interface{}, error) // an acquire, with a deadline
	query(conn interface{}, ms float64)            // a request that takes so long
	give(conn interface{})                         // the release
	books() map[string]interface{}                 // pool, kind, library, capacity, and under `books` what the pool counted
}

// nanotime is CLOCK_MONOTONIC, which package time does not give.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// errRefused is what take answers for a pool that does not wait when it is full; it is asked again after half a millisecond.
var errRefused = errors.New("refused")

var nRefused int64

var (
	ops   []string
	opsMu sync.Mutex
)

func log(begin, acquired, release, end int64) {
	opsMu.Lock()
	ops = append(ops, fmt.Sprintln(begin, acquired, release, end))
	opsMu.Unlock()
}

func env(name string) int {
	v, _ := strconv.Atoi(os.Getenv(name))
	return v
}

func sleep(ms float64) {
	if ms > 0 {
		time.Sleep(time.Duration(ms * 1e6))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func use(p pool, factor float64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(env("TIMEOUT_MS"))*time.Millisecond)
	defer cancel()
	begin := nanotime()
	conn, err := p.take(ctx)
	for err == errRefused {
		atomic.AddInt64(&nRefused, 1)
		sleep(0.5)
		begin = nanotime()
		conn, err = p.take(ctx)
	}
	acquired := nanotime()
	if err != nil {
		log(begin, 0, 0, acquired)
		return
	}
	p.query(conn, float64(env("QUERY_MS"))*factor)
	sleep(float64(env("HOLD_MS")))
	release := nanotime()
	p.give(conn)
	log(begin, acquired, release, nanotime())
}

func leak(p pool) {
	for i := 0; i < env("LEAK"); i++ {
		begin := nanotime()
		_, err := p.take(context.Background())
		check(err)
		log(begin, nanotime(), 0, 0)
	}
}

func load(p pool) {
	done := make(chan bool)
	go func() { leak(p); done <- true }()
	<-done
	var workers sync.WaitGroup
	for i := 0; i < env("THREADS"); i++ {
		workers.Add(1)
		random := rand.New(rand.NewSource(int64(i)))
		factor := func() float64 {
			if env("JITTER") == 1 {
				return random.ExpFloat64()
			}
			return 1
		}
		go func() {
			defer workers.Done()
			for k := 0; k < env("ITERS"); k++ {
				use(p, factor())
				sleep(float64(env("THINK_MS")) * factor())
			}
		}()
	}
	workers.Wait()
}

// run speaks the protocol of lib.sh.
func run(open func() pool) {
	in := bufio.NewReader(os.Stdin)
	var p pool
	if env("LATE") == 1 {
		p = open()
		p.warm()
	}
	fmt.Println("READY")
	in.ReadString('\n')
	if p == nil {
		p = open()
	}
	load(p)
	out, err := os.Create(os.Getenv("OPS"))
	check(err)
	for _, op := range ops {
		out.WriteString(op)
	}
	check(out.Close())
	books, err := json.Marshal(p.books())
	check(err)
	fmt.Println("BOOKS", string(books))
	in.ReadString('\n')
}
