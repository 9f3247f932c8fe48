/* SPDX-License-Identifier: MIT */
/*
 * attach.c - see attach.h. The surprise: the kernel takes a path, not a descriptor, but /proc/self/fd/N is a path, and the
 * lookup through it reaches the very file that was examined.
 */
#include "probe/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "probe/closer.h"
#include "probe/multi.h"

struct attachment {
	int multi_fd[2];	/* at instructions; at returns; -1 = none */
	struct bpf_link **links;	/* perf uprobes */
	uint64_t *cookies;	/* of each */
	size_t n_links;
};

/* One link of those that are (or are not) at returns. */
static int attach_multi(struct attachment *a, const struct kernel *k, const char *path,
			const struct attach_site *sites, size_t n, bool is_return, uint32_t pid)
{
	AUTO_FREE uint64_t *columns = calloc(3 * n, sizeof(*columns));
	size_t m = 0;
	int fd;

	if (!columns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (sites[i].is_return != is_return)
			continue;
		columns[m] = sites[i].offset;
		columns[n + m] = sites[i].semaphore;
		columns[2 * n + m] = sites[i].cookie;
		m++;
	}
	if (!m)
		return 0;
	fd = multi_attach(kernel_probe_fd(k), path, columns, columns + n, columns + 2 * n,
			  (uint32_t)m, is_return, pid);
	a->multi_fd[is_return] = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int attach_perf(struct attachment *a, const struct kernel *k, const char *path,
		       const struct attach_site *sites, size_t n, uint32_t pid)
{
	a->links = calloc(n, sizeof(struct bpf_link *));
	a->cookies = calloc(n, sizeof(*a->cookies));
	if (!a->links || !a->cookies)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .ref_ctr_offset = sites[i].semaphore,
			    .bpf_cookie = sites[i].cookie, .retprobe = sites[i].is_return);
		struct bpf_link *link = bpf_program__attach_uprobe_opts(
			kernel_probe_program(k), pid ? (int)pid : -1, path, sites[i].offset, &opts);

		if (!link)
			return -errno;
		a->cookies[a->n_links] = sites[i].cookie;
		a->links[a->n_links++] = link;
	}
	return 0;
}

int attachment_new(const struct kernel *k, int fd, const struct attach_site *sites, size_t n,
		   uint32_t pid, struct attachment **ret, struct diag *d)
{
	struct attachment *a = calloc(1, sizeof(*a));
	char path[64];
	int error;

	if (!a)
		return diag_set(d, -ENOMEM, "out of memory");
	a->multi_fd[0] = a->multi_fd[1] = -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!kernel_has_uprobe_multi(k))
		error = attach_perf(a, k, path, sites, n, pid);
	else if (!(error = attach_multi(a, k, path, sites, n, true, pid))) /* first, so that no entry lacks its return */
		error = attach_multi(a, k, path, sites, n, false, pid);
	if (error) {
		attachment_free(a);
		return diag_set(d, error, "the kernel refused %zu probes: %s", n, strerror(-error));
	}
	*ret = a;
	return 0;
}

const char *attachment_method(const struct attachment *a)
{
	return a->links ? "perf" : "uprobe_multi";
}

void attachment_free(struct attachment *a)
{
	if (!a)
		return;
	for (int i = 0; i < 2; i++)
		if (a->multi_fd[i] >= 0)
			close(a->multi_fd[i]);
	for (size_t i = 0; i < a->n_links; i++)
		bpf_link__destroy(a->links[i]);
	free(a->links);
	free(a->cookies);
	free(a);
}

void attachment_let_go(struct attachment *a, struct closer *c, attach_hits_fn *hits, void *context)
{
	if (!a)
		return;
	for (size_t i = 1; i < a->n_links; i++) {
		for (size_t k = i; k; k--) {
			struct bpf_link *link = a->links[k];
			uint64_t cookie = a->cookies[k];

			if (hits(context, cookie) <= hits(context, a->cookies[k - 1]))
				break;
			a->links[k] = a->links[k - 1];
			a->cookies[k] = a->cookies[k - 1];
			a->links[k - 1] = link;
			a->cookies[k - 1] = cookie;
		}
	}
	if (a->n_links)
		closer_take(c, a->links, a->n_links);
	a->n_links = 0;
	attachment_free(a);
}
