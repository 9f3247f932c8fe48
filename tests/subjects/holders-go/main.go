// SPDX-License-Identifier: MIT

// Each goroutine takes an item of a pool and keeps it, in a function of its own.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/puddle"
)

var never = make(chan int)
var mutex sync.Mutex
var areIn sync.WaitGroup

//go:noinline
func holdOnChannel() { areIn.Done(); <-never }

//go:noinline
func holdForALock() { areIn.Done(); mutex.Lock() }

//go:noinline
func holdAsleep() { areIn.Done(); time.Sleep(time.Hour) }

//go:noinline
func holdInACall() {
	var fd [2]int
	if err := syscall.Pipe(fd[:]); err != nil {
		panic(err)
	}
	areIn.Done()
	syscall.Read(fd[0], make([]byte, 1))
}

//go:noinline
func holdDeep(n int) int {
	if n == 0 {
		areIn.Done()
		return <-never
	}
	return 1 + holdDeep(n-1)
}

//go:noinline
func holdVeryDeep() { fmt.Println(holdDeep(9)) }

type holder struct {
	Function string `json:"function"`
	State    string `json:"state"`
	WaitsFor string `json:"waits_for"`
	Item     string `json:"item"`
	TakenIn  string `json:"taken_in"`
	hold     func()
}

//go:noinline
func (h *holder) run(pool *puddle.Pool) {
	r, err := pool.Acquire(context.Background())
	if err != nil {
		panic(err)
	}
	h.Item = fmt.Sprintf("%p", r)
	h.TakenIn = "main.(*holder).run"
	h.hold()
}

func main() {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("READY")
	in.ReadString('\n')
	holders := []*holder{
		{"main.holdOnChannel", "parked", "", "", "", holdOnChannel},
		{"main.holdForALock", "parked", "", "", "", holdForALock},
		{"main.holdAsleep", "parked", "", "", "", holdAsleep},
		{"main.holdInACall", "sleeping", "data from pipe:", "", "", holdInACall},
		{"main.holdVeryDeep", "parked", "", "", "", holdVeryDeep},
	}
	construct := func(context.Context) (interface{}, error) { return new(int), nil }
	pool := puddle.NewPool(construct, func(interface{}) {}, int32(len(holders)))
	mutex.Lock()
	for _, h := range holders {
		areIn.Add(1)
		go h.run(pool)
	}
	areIn.Wait()
	books, err := json.Marshal(map[string]interface{}{"holders": holders})
	if err != nil {
		panic(err)
	}
	fmt.Println("BOOKS", string(books))
	in.ReadString('\n')
}
