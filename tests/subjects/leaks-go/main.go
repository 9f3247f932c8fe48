// SPDX-License-Identifier: MIT

// Four goroutines do four kinds of work, each in a function of its own; in one of them one connection is forgotten, once.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

type stub struct{}

func (stub) Open(string) (driver.Conn, error)    { return stub{}, nil }
func (stub) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (stub) Close() error                        { return nil }
func (stub) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }

const healthy = 101 // pieces of work of the goroutine that will forget one, before it does

var db *sql.DB
var forgotten = make(chan int)
var kept []*sql.Conn // else the collector would close it

// All work takes its connection here.
//
//go:noinline
func getConnection() *sql.Conn {
	c, err := db.Conn(context.Background())
	if err != nil {
		panic(err)
	}
	return c
}

func give(c *sql.Conn) {
	time.Sleep(2 * time.Millisecond)
	c.Close()
}

//go:noinline
func handleOrder() { give(getConnection()) }

//go:noinline
func handleSearch() { give(getConnection()) }

//go:noinline
func handleLogin() { give(getConnection()) }

//go:noinline
func handleRefund(forgets bool) {
	c := getConnection()
	if forgets {
		kept = append(kept, c)
		forgotten <- syscall.Gettid()
		return
	}
	give(c)
}

func run(number int) {
	work := []func(){handleOrder, func() { handleRefund(false) }, handleSearch, handleLogin}
	runtime.LockOSThread()
	for i := 0; ; i++ {
		work[(i+number)%len(work)]()
		if i == healthy && number == 2 {
			handleRefund(true)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("READY")
	in.ReadString('\n')
	sql.Register("stub", stub{})
	db, _ = sql.Open("stub", "")
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	for i := 0; i < 4; i++ {
		go run(i)
	}
	fmt.Printf("BOOKS {\"leaks\": [{\"tid\": %d, \"function\": \"main.handleRefund\"}], \"others\": [\"main.handleOrder\", \"main.handleSearch\", \"main.handleLogin\"]}\n", <-forgotten)
	in.ReadString('\n')
}
