// SPDX-License-Identifier: MIT

// Checkouts of database/sql at full speed, with a driver that does nothing: what remains is the pool's own work and that of who
// watches it. Two goroutines on four connections. Prints READY, and at the end of each line read from standard input, which is a
// number of milliseconds, how many checkouts were made and how long that took: "N NS".
package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type stub struct{}

func (stub) Open(string) (driver.Conn, error)    { return stub{}, nil }
func (stub) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (stub) Close() error                        { return nil }
func (stub) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }

func use(db *sql.DB, until time.Time) int {
	n := 0
	for ; n%64 != 0 || time.Now().Before(until); n++ {
		conn, err := db.Conn(context.Background())
		if err != nil {
			panic(err)
		}
		conn.Close()
	}
	return n
}

func main() {
	sql.Register("stub", stub{})
	db, _ := sql.Open("stub", "")
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("READY")
	for in.Scan() {
		ms, _ := strconv.Atoi(strings.TrimSpace(in.Text()))
		begin := time.Now()
		until := begin.Add(time.Duration(ms) * time.Millisecond)
		var both sync.WaitGroup
		counts := [2]int{}
		for i := range counts {
			both.Add(1)
			go func(i int) { counts[i] = use(db, until); both.Done() }(i)
		}
		both.Wait()
		fmt.Println(counts[0]+counts[1], time.Since(begin).Nanoseconds())
	}
}
