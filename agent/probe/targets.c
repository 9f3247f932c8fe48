/* SPDX-License-Identifier: MIT */
/*
 * targets.c - see targets.h. The surprise: a file's specs are written with its target unarmed, then all probes go on, then the
 * target is armed by one write; so all verbs of a file begin to count at the same instant, and none counts an acquire whose
 * release it cannot see.
 */
#include "probe/targets.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <bpf/bpf.h>
#include <uthash.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "discover/argspec.h"
#include "discover/notes.h"
#include "probe/attach.h"

#define PROVIDER "poolscope"
#define NOTES_MAX 4096
#define FILES_MAX 65536 /* examined files that are remembered; over it the table starts anew */

struct identity {
	uint64_t device, inode, size;
	int64_t changed_ns;
};

struct site {
	uint32_t probe; /* index into ps_probes */
	uint32_t spec; /* index into ps_specs */
	uint64_t offset;
	enum ps_verb verb;
};

struct user {
	uint64_t scan; /* that saw it last */
	uint32_t pid;
};

struct target {
	char *path;
	uint32_t index; /* into ps_targets */
	struct attachment *attachment;
	struct site *site;
	size_t n_sites;
	struct user *user;
	size_t n_users;
	char problem[256]; /* empty = attached */
};

struct file {
	struct identity id;
	struct target *target; /* NULL = carries no points */
	UT_hash_handle hh;
};

/* Indices of a kernel array that are free again after a detach. */
struct slots {
	uint32_t next, limit;
	uint32_t *freed;
	size_t n_freed;
};

struct targets {
	struct kernel *kernel;
	struct file *files;
	struct slots specs, probes, indices;
};

static int slot_take(struct slots *s, uint32_t *ret)
{
	if (s->n_freed) {
		*ret = s->freed[--s->n_freed];
		return 0;
	}
	if (s->next >= s->limit)
		return -ENOSPC;
	*ret = s->next++;
	return 0;
}

static void slot_give(struct slots *s, uint32_t slot)
{
	uint32_t *more = realloc(s->freed, (s->n_freed + 1) * sizeof(*more));

	if (!more)
		return; /* the slot is lost, not reused: harmless */
	s->freed = more;
	s->freed[s->n_freed++] = slot;
}

int targets_new(struct kernel *k, struct targets **ret)
{
	struct targets *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->kernel = k;
	t->specs.limit = kernel_map_limit(k, KERNEL_MAP_SPECS);
	t->probes.limit = kernel_map_limit(k, KERNEL_MAP_PROBES);
	t->indices.limit = kernel_map_limit(k, KERNEL_MAP_TARGETS);
	*ret = t;
	return 0;
}

static void arm(struct targets *t, uint32_t index, uint64_t now_ns)
{
	struct ps_target value = { .armed_ns = now_ns };

	bpf_map_update_elem(kernel_map_fd(t->kernel, KERNEL_MAP_TARGETS), &index, &value, BPF_ANY);
}

static void target_free(struct targets *t, struct target *g)
{
	struct ps_spec none = { 0 };

	if (!g)
		return;
	if (g->index != UINT32_MAX)
		arm(t, g->index, 0);
	attachment_free(g->attachment);
	for (size_t i = 0; i < g->n_sites; i++) {
		bpf_map_update_elem(kernel_map_fd(t->kernel, KERNEL_MAP_SPECS), &g->site[i].spec,
				    &none, BPF_ANY);
		slot_give(&t->specs, g->site[i].spec);
		slot_give(&t->probes, g->site[i].probe);
	}
	if (g->index != UINT32_MAX)
		slot_give(&t->indices, g->index);
	free(g->site);
	free(g->user);
	free(g->path);
	free(g);
}

void targets_free(struct targets *t)
{
	struct file *f, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->files, f, next) {
		HASH_DEL(t->files, f);
		target_free(t, f->target);
		free(f);
	}
	free(t->specs.freed);
	free(t->probes.freed);
	free(t->indices.freed);
	free(t);
}

/* ---- from notes to specs ----------------------------------------------------------------------------------------------- */

struct verb_info {
	const char *name;
	unsigned int n_args;
};

static const struct verb_info verbs[PS_VERB_COUNT] = {
#define VERB(id, name, n_args, args, text) [id] = { #name, n_args },
#include "bpf/verbs.def"
};

static enum ps_verb verb_by_name(const char *name)
{
	for (int i = 1; i < PS_VERB_COUNT; i++)
		if (verbs[i].name && !strcmp(verbs[i].name, name))
			return (enum ps_verb)i;
	return PS_VERB_none;
}

static int spec_from_note(const struct note *note, uint16_t machine, uint32_t target,
			  struct ps_spec *ret, struct diag *d)
{
	enum ps_verb verb = verb_by_name(note->name);
	struct ps_arg args[PS_MAX_ARGS];
	unsigned int n = 0;
	int error;

	if (verb == PS_VERB_none)
		return diag_set(d, -EINVAL, "no verb is called %s", note->name);
	error = argspec_parse(note->args, machine, NULL, note->pc_vaddr, args, &n, d);
	if (error)
		return error;
	if (n < verbs[verb].n_args)
		return diag_set(d, -EINVAL, "%s has %u arguments, the verb needs %u", note->name, n,
				verbs[verb].n_args);
	memset(ret, 0, sizeof(*ret));
	ret->verb = verb;
	ret->n_args = verbs[verb].n_args;
	ret->target = target;
	ret->flags = PS_SPEC_SDK_HANDLE;
	memcpy(ret->arg, args, ret->n_args * sizeof(*args));
	return 0;
}

/* Makes one site: its spec in the kernel, its slots. */
static int site_make(struct targets *t, struct target *g, const struct note *note, uint16_t machine,
		     struct attach_site *ret, struct diag *d)
{
	struct site *site = &g->site[g->n_sites];
	struct ps_spec spec;
	int error = spec_from_note(note, machine, g->index, &spec, d);

	if (error)
		return error;
	if (slot_take(&t->specs, &site->spec))
		return diag_set(d, -ENOSPC, "the table of probe specs is full (%u)",
				t->specs.limit);
	if (slot_take(&t->probes, &site->probe)) {
		slot_give(&t->specs, site->spec);
		return diag_set(d, -ENOSPC, "the table of probes is full (%u)", t->probes.limit);
	}
	site->offset = note->pc_offset;
	site->verb = spec.verb;
	g->n_sites++;
	if (bpf_map_update_elem(kernel_map_fd(t->kernel, KERNEL_MAP_SPECS), &site->spec, &spec,
				BPF_ANY))
		return diag_set(d, -errno, "writing a probe spec failed: %s", strerror(errno));
	ret->offset = note->pc_offset;
	ret->semaphore = note->semaphore_offset;
	ret->cookie = (uint64_t)site->probe << 32 | site->spec;
	return 0;
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int target_attach(struct targets *t, struct target *g, int fd, const struct notes *notes,
			 struct diag *d)
{
	AUTO_FREE struct attach_site *sites = calloc(notes->n, sizeof(*sites));
	size_t n = 0;
	int error = 0;

	g->site = calloc(notes->n, sizeof(*g->site));
	if (!sites || !g->site)
		return diag_set(d, -ENOMEM, "out of memory");
	if (slot_take(&t->indices, &g->index)) {
		g->index = UINT32_MAX;
		return diag_set(d, -ENOSPC, "the table of targets is full (%u)", t->indices.limit);
	}
	arm(t, g->index, 0);
	for (size_t i = 0; i < notes->n; i++) {
		int one = site_make(t, g, &notes->list[i], notes->machine, &sites[n], d);

		if (one == -ENOSPC || one == -ENOMEM)
			return one;
		if (one)
			error = one; /* a bad point does not take the good ones along; the diag has the last reason */
		else
			n++;
	}
	if (!n)
		return error ? error : diag_set(d, -ENOENT, "no usable point");
	error = attachment_new(t->kernel, fd, sites, n, &g->attachment, d);
	if (!error)
		arm(t, g->index, (uint64_t)monotonic_ns());
	return error;
}

/* ---- users ------------------------------------------------------------------------------------------------------------- */

static int target_join(struct target *g, uint32_t pid, uint64_t scan)
{
	struct user *more;

	for (size_t i = 0; i < g->n_users; i++) {
		if (g->user[i].pid == pid) {
			g->user[i].scan = scan;
			return 0;
		}
	}
	more = realloc(g->user, (g->n_users + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->user = more;
	g->user[g->n_users++] = (struct user){ .scan = scan, .pid = pid };
	return 0;
}

static void forget_all(struct targets *t)
{
	struct file *f, *next;

	HASH_ITER (hh, t->files, f, next) {
		if (f->target)
			continue;
		HASH_DEL(t->files, f);
		free(f);
	}
}

static int file_examine(struct targets *t, struct file *f, int fd, const char *path)
{
	struct notes notes = { 0 };
	struct diag d = { 0 };
	struct target *g;
	int error = notes_read(fd, PROVIDER, NOTES_MAX, &notes, &d);

	if (error || (!notes.n && !notes.n_bad)) {
		notes_done(&notes);
		return 0; /* not ELF, malformed, or without points: of no interest */
	}
	g = calloc(1, sizeof(*g));
	if (!g || !(g->path = strdup(path))) {
		free(g);
		notes_done(&notes);
		return -ENOMEM;
	}
	g->index = UINT32_MAX;
	f->target = g;
	if (notes.n)
		error = target_attach(t, g, fd, &notes, &d);
	else
		error = diag_set(&d, -EBADMSG, "none of its %zu notes is usable",
				 (size_t)notes.n_bad);
	if (error)
		snprintf(g->problem, sizeof(g->problem), "%s",
			 d.text[0] ? d.text : strerror(-error));
	notes_done(&notes);
	return 0;
}

int targets_offer(struct targets *t, int fd, const char *path, uint32_t pid, uint64_t scan)
{
	struct identity id = { 0 };
	struct stat st;
	struct file *f;
	int error;

	if (fstat(fd, &st))
		return -errno;
	id.device = st.st_dev;
	id.inode = st.st_ino;
	id.size = (uint64_t)st.st_size;
	id.changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	HASH_FIND(hh, t->files, &id, sizeof(id), f);
	if (!f) {
		if (HASH_COUNT(t->files) >= FILES_MAX)
			forget_all(t);
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->id = id;
		error = file_examine(t, f, fd, path);
		if (error) {
			free(f);
			return error;
		}
		HASH_ADD(hh, t->files, id, sizeof(f->id), f);
	}
	if (!f->target)
		return 0;
	error = target_join(f->target, pid, scan);
	return error ? error : 1;
}

void targets_leave(struct targets *t, uint32_t pid, uint64_t scan)
{
	struct file *f, *next;

	HASH_ITER (hh, t->files, f, next) {
		struct target *g = f->target;

		if (!g)
			continue;
		for (size_t i = 0; i < g->n_users; i++)
			if (g->user[i].pid == pid && g->user[i].scan < scan)
				g->user[i--] = g->user[--g->n_users];
		if (!g->n_users) {
			HASH_DEL(t->files, f);
			target_free(t, g);
			free(f);
		}
	}
}

/* ---- for people -------------------------------------------------------------------------------------------------------- */

static size_t count(const struct targets *t, int is_failed)
{
	size_t n = 0;

	for (const struct file *f = t->files; f; f = f->hh.next)
		n += f->target && (f->target->attachment == NULL) == (is_failed != 0);
	return n;
}

size_t targets_n_attached(const struct targets *t)
{
	return count(t, 0);
}

size_t targets_n_failed(const struct targets *t)
{
	return count(t, 1);
}

static size_t count_rows(const struct targets *t)
{
	size_t n = 0;

	for (const struct file *f = t->files; f; f = f->hh.next)
		if (f->target)
			n += f->target->n_sites + 1;
	return n;
}

int targets_rows(const struct targets *t, struct arena *arena,
		 void (*stat)(void *context, uint32_t probe, uint64_t *hits, uint64_t *errors),
		 void *context, const struct probe_row **ret, size_t *ret_n)
{
	struct probe_row *rows = arena_alloc(arena, count_rows(t) + 1, sizeof(*rows));
	const char *method = kernel_has_uprobe_multi(t->kernel) ? "uprobe_multi" : "perf";
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct file *f = t->files; f; f = f->hh.next) {
		const struct target *g = f->target;
		const char *path, *problem;

		if (!g)
			continue;
		path = arena_strdup(arena, g->path);
		problem = g->problem[0] ? arena_strdup(arena, g->problem) : NULL;
		if (!path)
			return -ENOMEM;
		for (size_t i = 0; i < g->n_sites; i++) {
			struct probe_row *row = &rows[n++];

			row->file = path;
			row->provider = PROVIDER;
			row->probe = row->verb = verbs[g->site[i].verb].name;
			row->offset = g->site[i].offset;
			row->method = g->attachment ? method : "none";
			row->cost_ns = __builtin_nan("");
			row->problem = g->attachment ? NULL : problem;
			row->n_processes = (int32_t)g->n_users;
			stat(context, g->site[i].probe, &row->hits, &row->errors);
		}
		if (problem && (g->attachment || !g->n_sites))
			rows[n++] = (struct probe_row){ .file = path,
							.provider = PROVIDER,
							.probe = "?",
							.verb = "?",
							.method = "none",
							.cost_ns = __builtin_nan(""),
							.problem = problem,
							.n_processes = (int32_t)g->n_users };
	}
	*ret = rows;
	*ret_n = n;
	return 0;
}
