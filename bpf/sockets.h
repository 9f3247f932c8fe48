/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - TCP connections and listeners, folded into one row per process and endpoint; and what Unix sockets are (see unix.h).
 *
 * inet_sock_set_state tells every change of a TCP socket and costs other syscalls nothing. The surprise: the current process is
 * the right one only for CLOSE -> SYN_SENT (connect) and CLOSE -> LISTEN (listen); every other change may run in whoever took
 * the interrupt. So the owner is noted at those two, and an inbound connection belongs to the listener with its local address.
 */
#ifndef POOLSCOPE_BPF_SOCKETS_H
#define POOLSCOPE_BPF_SOCKETS_H

#include "closes.h"
#include "hist.h"
#include "infer.h"
#include "loops.h"
#include "maps.h"
#include "process.h"

PS_INLINE __u16 ps_swap16(__u16 v)
{
	return (__u16)(v << 8 | v >> 8);
}

PS_INLINE void ps_ip4_mapped(__u8 ip[16], __u32 v4)
{
	__builtin_memset(ip, 0, 16);
	ip[10] = 0xff;
	ip[11] = 0xff;
	__builtin_memcpy(ip + 12, &v4, 4);
}

/* The remote or the local address of a TCP socket. Any-address is all zero in both families. */
PS_INLINE void ps_sock_addr(struct sock *sk, int is_remote, struct ps_addr *ret)
{
	struct sock_common *c = &sk->__sk_common;

	__builtin_memset(ret, 0, sizeof(*ret));
	ret->family = PS_AF_INET6;
	ret->port = is_remote ? ps_swap16(c->skc_dport) : c->skc_num;
	if (c->skc_family == PS_AF_INET) {
		__u32 v4 = is_remote ? c->skc_daddr : c->skc_rcv_saddr;

		if (v4)
			ps_ip4_mapped(ret->ip, v4);
	} else if (is_remote) {
		bpf_probe_read_kernel(ret->ip, 16, &c->skc_v6_daddr);
	} else {
		bpf_probe_read_kernel(ret->ip, 16, &c->skc_v6_rcv_saddr);
	}
}

PS_INLINE __u32 ps_sock_netns(struct sock *sk)
{
	struct net *net = sk->__sk_common.skc_net.net;

	return net ? net->ns.inum : 0;
}

/* Books for what its connections are used for. 0 = no room (counted), or there are none. */
PS_INLINE __u64 ps_wire_make(const struct ps_endpoint_key *key)
{
	__u64 id = __sync_fetch_and_add(&ps_n_wires, 1) + 1;
	__u32 zero = 0;
	void *blank = bpf_map_lookup_elem(&ps_zero, &zero);

	if (key->role != PS_SOCK_CONNECT || !blank)
		return 0;
	if (bpf_map_update_elem(&ps_wires, &id, blank, BPF_NOEXIST)) {
		ps_lost(PS_LOSS_endpoints_full);
		return 0;
	}
	return id;
}

/* Of a connection that was made while another thread was making the first one's books. */
PS_INLINE __u64 ps_wire_find(struct ps_sock *s)
{
	struct ps_endpoint *ep = bpf_map_lookup_elem(&ps_endpoints, &s->endpoint);

	if (ep)
		s->wire = ep->wire;
	return s->wire;
}

/* The connection counts for the wire of its endpoint from now on. */
PS_INLINE void ps_wire_open(struct ps_sock *s, const struct ps_endpoint *ep, int change)
{
	__u64 id = ep->wire;
	struct ps_wire *w = id ? bpf_map_lookup_elem(&ps_wires, &id) : 0;

	if (w)
		__sync_fetch_and_add(&w->open, change);
	if (w && change < 0)
		ps_wire_closed(w, s);
}

PS_INLINE struct ps_endpoint *ps_endpoint_get(const struct ps_endpoint_key *key, __u64 now)
{
	struct ps_endpoint *ep = bpf_map_lookup_elem(&ps_endpoints, key);
	struct ps_proc *proc;
	__u32 zero = 0;
	void *blank;

	if (ep)
		return ep;
	proc = ps_proc_get(&key->proc, now);
	blank = bpf_map_lookup_elem(&ps_zero, &zero);
	if (!proc || !blank)
		return 0;
	if (proc->n_endpoints >= ps_endpoints_per_process ||
	    bpf_map_update_elem(&ps_endpoints, key, blank, BPF_NOEXIST)) {
		ep = bpf_map_lookup_elem(&ps_endpoints, key);
		if (!ep)
			ps_lost(PS_LOSS_endpoints_full);
		return ep;
	}
	__sync_fetch_and_add(&proc->n_endpoints, 1);
	ep = bpf_map_lookup_elem(&ps_endpoints, key);
	if (ep) {
		ep->since_ns = now;
		ep->wire = ps_wire_make(key);
	}
	return ep;
}

/* No room for a connection: until a pass has found room for all, the numbers of its endpoint are too small. */
PS_INLINE void ps_sock_refused(struct ps_endpoint *ep, __u64 now)
{
	ps_lost(PS_LOSS_sockets_full);
	ep->refused_ns = now;
}

/* Notes a connection that may be known already. 0 = it was not. */
PS_INLINE int ps_sock_note(struct ps_endpoint *ep, __u64 id, const struct ps_sock *s, __u64 now)
{
	int error = ps_map_add(&ps_socks, &id, s);

	if (error && error != -PS_EEXIST)
		ps_sock_refused(ep, now);
	return error != 0;
}

/* connect() begins: the one moment at which the owner is known. */
PS_INLINE void ps_sock_connecting(struct sock *sk, __u64 id, __u64 now)
{
	struct ps_sock s = { .since_ns = now,
			     .state = PS_SOCK_CONNECTING,
			     .role = PS_SOCK_CONNECT,
			     .user = (__u32)bpf_get_current_pid_tgid() }; /* who makes it has not waited for it */
	struct ps_endpoint *ep;

	ps_proc_key_of((struct task_struct *)bpf_get_current_task_btf(), &s.endpoint.proc);
	if (s.endpoint.proc.tgid == ps_agent_tgid || ps_is_left_out(s.endpoint.proc.tgid))
		return;
	s.endpoint.role = PS_SOCK_CONNECT;
	s.endpoint.netns = ps_sock_netns(sk);
	ps_sock_addr(sk, 1, &s.endpoint.addr);
	ep = ps_endpoint_get(&s.endpoint, now);
	if (!ep)
		return;
	s.wire = ep->wire;
	ps_follow(s.endpoint.proc.tgid);
	if (bpf_map_update_elem(&ps_socks, &id, &s, BPF_ANY)) {
		ps_sock_refused(ep, now);
		return;
	}
	__sync_fetch_and_add(&ep->connecting, 1);
	ep->changed_ns = now;
}

PS_INLINE void ps_listener_key_of(__u32 netns, const struct ps_addr *local,
				  struct ps_listener_key *ret)
{
	ret->netns = netns;
	ret->port = local->port;
	__builtin_memcpy(ret->ip, local->ip, 16);
}

PS_INLINE void ps_port_add(__u16 port)
{
	__sync_fetch_and_or(&ps_ports[ps_slot(port / 64, 65536 / 64)], 1ull << (port % 64));
}

/* Notes a listening socket and makes its row. Shared with the inventory. */
PS_INLINE void ps_listener_add(const struct ps_endpoint_key *key, __u64 now)
{
	struct ps_listener_key where;
	struct ps_listener l = { .proc = key->proc, .addr = key->addr };

	if (!ps_endpoint_get(key, now))
		return;
	ps_port_add(key->addr.port);
	ps_listener_key_of(key->netns, &key->addr, &where);
	if (bpf_map_update_elem(&ps_listeners, &where, &l, BPF_ANY))
		ps_lost(PS_LOSS_listeners_full);
}

PS_INLINE void ps_sock_listening(struct sock *sk, __u64 id, __u64 now)
{
	struct ps_sock s = { .since_ns = now, .state = PS_SOCK_LISTENING, .role = PS_SOCK_LISTEN };

	ps_proc_key_of((struct task_struct *)bpf_get_current_task_btf(), &s.endpoint.proc);
	if (s.endpoint.proc.tgid == ps_agent_tgid || ps_is_left_out(s.endpoint.proc.tgid))
		return;
	s.endpoint.role = PS_SOCK_LISTEN;
	s.endpoint.netns = ps_sock_netns(sk);
	ps_sock_addr(sk, 0, &s.endpoint.addr);
	ps_serve(s.endpoint.proc.tgid);
	ps_listener_add(&s.endpoint, now);
	if (bpf_map_update_elem(&ps_socks, &id, &s, BPF_ANY))
		ps_lost(PS_LOSS_sockets_full);
}

/* The listener that an inbound connection came through: its exact address, else the any-address of its port. */
PS_INLINE int ps_listener_find(__u32 netns, const struct ps_addr *local,
			       struct ps_endpoint_key *ret)
{
	struct ps_listener_key where;
	struct ps_listener *l;

	ps_listener_key_of(netns, local, &where);
	l = bpf_map_lookup_elem(&ps_listeners, &where);
	if (!l) {
		__builtin_memset(where.ip, 0, 16);
		l = bpf_map_lookup_elem(&ps_listeners, &where);
	}
	if (!l)
		return -1;
	ret->proc = l->proc;
	ret->role = PS_SOCK_LISTEN;
	ret->netns = netns;
	ret->addr = l->addr;
	return 0;
}

/* A connection came in (or was found by the inventory: is_found). */
PS_INLINE void ps_sock_inbound(struct sock *sk, __u64 id, __u64 now, int is_found)
{
	struct ps_sock s = { .since_ns = now, .state = PS_SOCK_OPEN, .role = PS_SOCK_ACCEPT };
	struct ps_endpoint *ep;
	struct ps_addr local;

	ps_sock_addr(sk, 0, &local);
	if (ps_listener_find(ps_sock_netns(sk), &local, &s.endpoint))
		return;
	ep = bpf_map_lookup_elem(&ps_endpoints, &s.endpoint);
	if (!ep)
		return;
	if (is_found && sk->__sk_common.skc_state == PS_TCP_CLOSE_WAIT)
		s.state = PS_SOCK_PEER_CLOSED;
	if (ps_sock_note(ep, id, &s, now))
		return;
	__sync_fetch_and_add(&ep->open, 1);
	__sync_fetch_and_add(is_found ? &ep->found : &ep->opened, 1);
	if (s.state == PS_SOCK_PEER_CLOSED)
		__sync_fetch_and_add(&ep->close_wait, 1);
	ep->changed_ns = now;
}

/* A socket's own record ends with what it was used for. */
PS_INLINE void ps_mark_end(struct sock *sk, struct ps_sock *s)
{
#ifdef __bpf__
	struct ps_mark *m = bpf_sk_storage_get(&ps_marks, sk, 0, 0);

	if (m && m->flags & PS_MARK_BUSY)
		s->flags |= PS_SOCK_BUSY; /* as ps_wire_closed() has it */
	if (m)
		bpf_sk_storage_delete(&ps_marks, sk);
#endif
}

/* How long no data has gone over a TCP connection, in whole ticks of the kernel. */
PS_INLINE __u64 ps_sock_idle_ns(struct sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u32 now = (__u32)bpf_jiffies64();
	__u32 sent = now - BPF_CORE_READ(tcp, lsndtime);
	__u32 received = now - BPF_CORE_READ(tcp, inet_conn.icsk_ack.lrcvtime);

	return (sent < received ? sent : received) * ps_jiffy_ns;
}

/* A known socket changes: established, closed by the peer, closed by us, gone. */
PS_INLINE void ps_sock_change(struct sock *sk, struct ps_sock *s, __u64 id, int to, __u64 now)
{
	struct ps_endpoint *ep = bpf_map_lookup_elem(&ps_endpoints, &s->endpoint);

	if (!ep || s->state == PS_SOCK_LISTENING) {
		bpf_map_delete_elem(&ps_socks, &id);
		return;
	}
	ep->changed_ns = now;
	if (to == PS_TCP_ESTABLISHED) {
		if (s->state != PS_SOCK_CONNECTING)
			return;
		s->state = PS_SOCK_OPEN;
		__sync_fetch_and_add(&ep->connecting, -1);
		__sync_fetch_and_add(&ep->open, 1);
		__sync_fetch_and_add(&ep->opened, 1);
		ps_hist_put(&ep->create, now - s->since_ns);
		ps_wire_open(s, ep, 1);
		s->since_ns = now;
	} else if (to == PS_TCP_CLOSE_WAIT) {
		ps_endpoint_peer_closed(ep, s, now);
	} else if (to != PS_TCP_SYN_RECV && to != PS_TCP_SYN_SENT) {
		if (s->state == PS_SOCK_CONNECTING) {
			ps_endpoint_failed(ep, sk->sk_err);
		} else {
			ps_endpoint_closed(ep, s, ps_close_reason_of(s->state, to, sk->sk_err),
					   ps_sock_idle_ns(sk));
			ps_mark_end(sk, s);
			ps_wire_open(s, ep, -1);
		}
		bpf_map_delete_elem(&ps_socks, &id);
	}
}

PS_INLINE void ps_sock_set_state(struct sock *sk, int from, int to)
{
	__u64 id = (__u64)(unsigned long)sk, now = bpf_ktime_get_ns();
	struct ps_sock *s;

	if (sk->sk_protocol != PS_IPPROTO_TCP)
		return;
	if (to == PS_TCP_SYN_SENT) {
		ps_sock_connecting(sk, id, now);
		return;
	}
	if (to == PS_TCP_LISTEN) {
		ps_sock_listening(sk, id, now);
		return;
	}
	s = bpf_map_lookup_elem(&ps_socks, &id);
	if (s)
		ps_sock_change(sk, s, id, to, now);
	else if (to == PS_TCP_ESTABLISHED && from == PS_TCP_SYN_RECV)
		ps_sock_inbound(sk, id, now, 0);
}

/* ---- the inventory: what was there before us, and Unix sockets at every pass -------------------------------------------- */

/* Not when whoever listened is gone, and left the socket to a child or to the program that took its place. */
PS_INLINE int ps_listener_has_owner(__u64 id)
{
	struct ps_sock *s = bpf_map_lookup_elem(&ps_socks, &id);
	struct ps_proc_key key;
	struct ps_proc *proc;

	if (!s)
		return 0;
	key = s->endpoint.proc;
	proc = bpf_map_lookup_elem(&ps_procs, &key);
	return proc && !proc->gone_ns;
}

/* Takes one open TCP socket of a process into the books, unless it is known. */
PS_INLINE void ps_sock_found(struct sock *sk, const struct ps_inventory *r, __u64 now)
{
	struct ps_sock s = { .since_ns = now, .state = PS_SOCK_OPEN, .role = PS_SOCK_CONNECT };
	__u64 id = r->sock;
	struct ps_endpoint *ep;

	s.endpoint.proc = r->proc;
	s.endpoint.role = r->role;
	s.endpoint.netns = r->netns;
	s.endpoint.addr = r->addr;
	if (r->role == PS_SOCK_LISTEN) {
		if (ps_listener_has_owner(id))
			return;
		ps_listener_add(&s.endpoint, now);
		s.state = PS_SOCK_LISTENING;
		s.role = PS_SOCK_LISTEN;
		bpf_map_update_elem(&ps_socks, &id, &s, BPF_ANY);
		return;
	}
	if (r->tcp_state == PS_TCP_CLOSE_WAIT)
		s.state = PS_SOCK_PEER_CLOSED;
	ep = ps_endpoint_get(&s.endpoint, now);
	if (!ep)
		return;
	s.wire = ep->wire;
	ps_follow(s.endpoint.proc.tgid);
	if (ps_sock_note(ep, id, &s, now))
		return;
	__sync_fetch_and_add(&ep->open, 1);
	__sync_fetch_and_add(&ep->found, 1);
	if (s.state == PS_SOCK_PEER_CLOSED)
		__sync_fetch_and_add(&ep->close_wait, 1);
	ps_wire_open(&s, ep, 1);
	ep->changed_ns = now;
}

/* The path of a Unix address: its last bytes when it is long; abstract names get an '@'. */
PS_INLINE int ps_unix_path(struct unix_address *addr, struct ps_addr *ret)
{
	const char *path = addr->name[0].sun_path;
	int len = BPF_CORE_READ(addr, len) - 2;

	ret->family = PS_AF_UNIX;
	if (len <= 0)
		return -1;
	if (len >= PS_UNIX_PATH_MAX)
		path += len - (PS_UNIX_PATH_MAX - 1);
	if (bpf_probe_read_kernel_str(ret->path, sizeof(ret->path), path) > 1)
		return 0;
	ret->path[0] = '@';
	bpf_probe_read_kernel_str(ret->path + 1, sizeof(ret->path) - 1, path + 1);
	return 0;
}

/* What a Unix stream socket is: a listener, an accepted one (it carries the listener's path), or a client. 0 = nothing of that. */
PS_INLINE enum ps_sock_role ps_unix_role(struct sock *sk, struct ps_addr *ret)
{
	struct unix_sock *u = (struct unix_sock *)sk, *peer;
	int is_listener = sk->__sk_common.skc_state == PS_TCP_LISTEN;
	struct unix_address *addr;

	if (sk->sk_type != PS_SOCK_STREAM)
		return 0;
	addr = BPF_CORE_READ(u, addr);
	if (!is_listener && sk->__sk_common.skc_state != PS_TCP_ESTABLISHED)
		return 0;
	if (addr)
		return ps_unix_path(addr, ret) ? 0 : is_listener ? PS_SOCK_LISTEN : PS_SOCK_ACCEPT;
	peer = is_listener ? 0 : (struct unix_sock *)BPF_CORE_READ(u, peer);
	if (!peer)
		return 0;
	addr = BPF_CORE_READ(peer, addr);
	if (!addr)
		return 0; /* a socketpair */
	return ps_unix_path(addr, ret) ? 0 : PS_SOCK_CONNECT;
}

/* Nothing is to be received on it, as on a connection to a log. */
PS_INLINE int ps_unix_is_one_way(struct sock *sk)
{
	return sk->sk_shutdown == PS_RCV_SHUTDOWN;
}

PS_INLINE int ps_unix_describe(struct sock *sk, struct ps_inventory *r)
{
	r->role = ps_unix_role(sk, &r->addr);
	if (r->role == PS_SOCK_LISTEN) {
		r->queue = sk->sk_receive_queue.qlen;
		r->backlog = sk->sk_max_ack_backlog;
	}
	r->is_one_way = (__u32)ps_unix_is_one_way(sk);
	return r->role ? 0 : -1;
}

/* What the connection is known by once it has ended, see unix.h. */
PS_INLINE __u64 ps_unix_peer(struct sock *sk)
{
	return (__u64)(unsigned long)BPF_CORE_READ((struct unix_sock *)sk, peer);
}

/* Describes a TCP socket. An inbound one is told from an outbound one by the listener of its local address. */
PS_INLINE int ps_tcp_describe(struct sock *sk, struct ps_inventory *r)
{
	struct ps_endpoint_key listener;
	struct ps_addr local;

	r->tcp_state = sk->__sk_common.skc_state;
	ps_sock_addr(sk, 0, &local);
	if (r->tcp_state == PS_TCP_LISTEN) {
		r->role = PS_SOCK_LISTEN;
		r->queue = sk->sk_ack_backlog;
		r->backlog = sk->sk_max_ack_backlog;
		r->drops = (__u32)sk->sk_drops.counter;
		r->addr = local;
		return 0;
	}
	if (r->tcp_state != PS_TCP_ESTABLISHED && r->tcp_state != PS_TCP_CLOSE_WAIT)
		return -1;
	if (!ps_listener_find(r->netns, &local, &listener)) {
		r->role = PS_SOCK_ACCEPT;
		r->addr = listener.addr;
		return 0;
	}
	r->role = PS_SOCK_CONNECT;
	ps_sock_addr(sk, 1, &r->addr);
	return 0;
}

#endif
