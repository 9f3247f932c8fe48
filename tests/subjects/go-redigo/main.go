// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

type redigoPool struct{ p *redis.Pool }

var nDials int64

func dial(ctx context.Context) (redis.Conn, error) {
	if atomic.AddInt64(&nDials, 1) <= int64(env("DIAL_FAILS")) {
		return nil, errors.New("no connection this time")
	}
	return redis.DialContext(ctx, "tcp", "127.0.0.1:"+os.Getenv("REDIS_PORT"))
}

func open() pool {
	return redigoPool{&redis.Pool{DialContext: dial, MaxIdle: env("MAX"), MaxActive: env("MAX"), Wait: env("WAIT") == 1}}
}

func (p redigoPool) warm() { check(p.p.Get().Close()) }

func (p redigoPool) take(ctx context.Context) (interface{}, error) {
	if env("CANCEL") == 1 { // the same limit of time, but by the caller's own hand
		own, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer time.AfterFunc(time.Duration(env("TIMEOUT_MS"))*time.Millisecond, cancel).Stop()
		ctx = own
	}
	conn, err := p.p.GetContext(ctx)
	if err == redis.ErrPoolExhausted {
		err = errRefused
	}
	return conn, err
}

func (p redigoPool) query(conn interface{}, ms float64) {
	_, err := conn.(redis.Conn).Do("PING")
	check(err)
	sleep(ms)
}

func (p redigoPool) give(conn interface{}) { check(conn.(redis.Conn).Close()) }

func (p redigoPool) books() map[string]interface{} {
	s := p.p.Stats()
	return map[string]interface{}{
		"pool": "redigo", "kind": "connection", "library": "redigo", "capacity": p.p.MaxActive, "rejections": nRefused,
		"books": map[string]interface{}{
			"waits": s.WaitCount, "wait_sum_ms": float64(s.WaitDuration) / 1e6, "open": s.ActiveCount, "idle": s.IdleCount,
			"in_use": s.ActiveCount - s.IdleCount}}
}

func main() { run(open) }
