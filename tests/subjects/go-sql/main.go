// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	_ "github.com/lib/pq"
)

type sqlPool struct{ db *sql.DB }

func open() pool {
	db, err := sql.Open("postgres", "postgres://postgres@127.0.0.1:"+os.Getenv("PGPORT")+"/app?sslmode=disable")
	check(err)
	db.SetMaxOpenConns(env("MAX"))
	db.SetMaxIdleConns(env("MAX"))
	return sqlPool{db}
}

func (p sqlPool) warm() { check(p.db.Ping()) }

func (p sqlPool) take(ctx context.Context) (interface{}, error) { return p.db.Conn(ctx) }

func (p sqlPool) query(conn interface{}, ms float64) {
	_, err := conn.(*sql.Conn).ExecContext(context.Background(), fmt.Sprintf("select pg_sleep(%f)", ms/1000))
	check(err)
}

func (p sqlPool) give(conn interface{}) { check(conn.(*sql.Conn).Close()) }

func (p sqlPool) books() map[string]interface{} {
	s := p.db.Stats()
	return map[string]interface{}{
		"pool": "db", "kind": "connection", "library": "database/sql", "capacity": s.MaxOpenConnections,
		"books": map[string]interface{}{
			"waits": s.WaitCount, "wait_sum_ms": float64(s.WaitDuration) / 1e6, "open": s.OpenConnections,
			"in_use": s.InUse, "idle": s.Idle, "max_idle_closed": s.MaxIdleClosed}}
}

func main() { run(open) }
