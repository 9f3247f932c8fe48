// SPDX-License-Identifier: MIT

package main

import (
	"context"

	"github.com/jackc/puddle"
)

type puddlePool struct{ p *puddle.Pool }

func open() pool {
	construct := func(context.Context) (interface{}, error) { return new(int), nil }
	return puddlePool{puddle.NewPool(construct, func(interface{}) {}, int32(env("MAX")))}
}

func (p puddlePool) warm() {
	r, err := p.p.Acquire(context.Background())
	check(err)
	r.Release()
}

func (p puddlePool) take(ctx context.Context) (interface{}, error) { return p.p.Acquire(ctx) }

func (p puddlePool) query(conn interface{}, ms float64) { sleep(ms) }

func (p puddlePool) give(conn interface{}) { conn.(*puddle.Resource).Release() }

func (p puddlePool) books() map[string]interface{} {
	s := p.p.Stat()
	return map[string]interface{}{
		"pool": "puddle", "kind": "connection", "library": "puddle", "capacity": s.MaxResources(),
		"books": map[string]interface{}{
			"acquires": s.AcquireCount(), "open": s.TotalResources(), "idle": s.IdleResources(), "in_use": s.AcquiredResources(),
			"wait_sum_ms": float64(s.AcquireDuration()) / 1e6}}
}

func main() { run(open) }
