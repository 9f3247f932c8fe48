/* SPDX-License-Identifier: MIT */
/*
 * tcp.h - an echo server on a port of 127.0.0.1, in a thread of its own, that can be broken and healed; and connections to it
 * as the items of a pool.
 */
#ifndef POOLSCOPE_SIM_TCP_H
#define POOLSCOPE_SIM_TCP_H

#include "tools/sim/pool.h"

struct server;

/* Starts a server; it lives as long as the process. */
struct server *server_start(void);

/* Closes the listener and resets every connection; from then on connects are refused. */
void server_break(struct server *s);

/* Listens again, on the same port. */
void server_heal(struct server *s);

/* Closes, in good order, the n connections that were silent for longest. Returns how many there were. */
unsigned int server_close_idle(struct server *s, unsigned int n);

/* Items of a pool that are connections to this server. The check asks whether the other end has closed. */
struct item_ops tcp_items(struct server *s);

/* What a holder does with a connection: a request; later its answer. False: the connection is broken. */
bool tcp_send(struct item *item);
bool tcp_receive(struct item *item);

#endif
