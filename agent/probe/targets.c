/* SPDX-License-Identifier: MIT */
/*
 * targets.c - see targets.h. The surprise: a file that is known already is examined again after the recipes changed, but only by
 * those recipes that it has no target of; what is attached stays attached, and its counts go on.
 */
#include "probe/targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "discover/notes.h"
#include "discover/symbols.h"
#include "probe/learned.h"

#define PROVIDER "poolscope"
#define NOTES_MAX 4096
#define FILES_MAX 65536 /* examined files that are remembered; over it those without targets are forgotten */

struct identity {
	uint64_t device, inode;
};

struct file {
	struct identity id;
	uint64_t size;
	int64_t modified_ns;
	uint64_t generation; /* of the recipes it was examined by */
	struct target **target; /* owned */
	size_t n_targets;
	struct target_user *user;
	size_t n_users;
	bool has_spare; /* its spare points were attached, or it was tried */
	bool is_jvm; /* libjvm.so: who uses it is known, also when it has no targets */
	UT_hash_handle hh;
};

/* A target that is not watched in full. */
struct stepped_down {
	const struct file *file;
	const struct target *target;
};

struct targets {
	struct stepped_down *down; /* owned */
	size_t n_down;
	struct target_store *store;
	struct learned *learned;
	struct file *files;
	struct recipes recipes;
	uint64_t generation;
};

int targets_new(struct kernel *k, struct targets **ret)
{
	struct targets *t = calloc(1, sizeof(*t));
	int error = t ? target_store_new(k, &t->store) : -ENOMEM;

	if (!error)
		error = learned_new(k, t->store, &t->learned);
	if (error) {
		targets_free(t);
		return error;
	}
	t->generation = 1;
	*ret = t;
	return 0;
}

static void drop(struct targets *t, struct target *g)
{
	for (size_t i = 0; i < t->n_down; i++)
		if (t->down[i].target == g)
			t->down[i--] = t->down[--t->n_down];
	target_disarm(t->store, g); /* first: it must not ask for functions any more */
	learned_drop(t->learned, g);
	target_free(t->store, g);
}

static void file_free(struct targets *t, struct file *f)
{
	for (size_t i = 0; i < f->n_targets; i++)
		drop(t, f->target[i]);
	free(f->target);
	free(f->user);
	free(f);
}

static void file_forget(struct targets *t, struct file *f)
{
	HASH_DEL(t->files, f);
	file_free(t, f);
}

void targets_free(struct targets *t)
{
	struct file *f, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->files, f, next)
		file_forget(t, f);
	recipes_done(&t->recipes);
	learned_free(t->learned);
	target_store_free(t->store);
	free(t->down);
	free(t);
}

/* ---- recipes ----------------------------------------------------------------------------------------------------------- */

static bool is_in_force(const struct targets *t, const struct target *g)
{
	const struct recipe *r = target_recipe(g);

	return !r || recipes_find(&t->recipes, r->name, r->hash);
}

void targets_set_recipes(struct targets *t, struct recipes *r)
{
	struct file *f;

	recipes_done(&t->recipes);
	t->recipes = *r;
	memset(r, 0, sizeof(*r));
	t->generation++;
	for (f = t->files; f; f = f->hh.next) {
		for (size_t i = 0; i < f->n_targets; i++) {
			if (is_in_force(t, f->target[i]))
				continue;
			drop(t, f->target[i]);
			f->target[i--] = f->target[--f->n_targets];
		}
	}
}

/* ---- examining a file -------------------------------------------------------------------------------------------------- */

static int file_add(struct file *f, struct target *g)
{
	struct target **more = realloc(f->target, (f->n_targets + 1) * sizeof(struct target *));

	if (!more)
		return -ENOMEM;
	f->target = more;
	f->target[f->n_targets++] = g;
	return 0;
}

/* After the recipes were read again, an old one may be a new one's text. */
static bool is_of(const struct target *g, const struct recipe *r)
{
	const struct recipe *own = target_recipe(g);

	return own && own->hash == r->hash && !strcmp(own->name, r->name);
}

static bool has_target_of(const struct file *f, const struct recipe *r)
{
	for (size_t i = 0; i < f->n_targets; i++)
		if (is_of(f->target[i], r))
			return true;
	return false;
}

static int examine_notes(struct targets *t, struct file *f, int fd, const char *path,
			 enum target_points which)
{
	CLEANUP(notes_done) struct notes notes = { 0 };
	struct diag d = { 0 };
	struct target *g;
	int error = notes_read(fd, PROVIDER, NOTES_MAX, &notes, &d);

	if (error || (!notes.n && !notes.n_bad))
		return 0; /* not ELF, malformed, or without points: of no interest */
	error = target_new_sdk(t->store, fd, path, &notes, which, &g);
	if (error)
		return error;
	error = file_add(f, g);
	if (error)
		target_free(t->store, g);
	return error;
}

static void cleanup_symbols(struct symbols **s)
{
	symbols_free(*s);
}

static int examine_recipes(struct targets *t, struct file *f, int fd, const char *path,
			   const char *root)
{
	CLEANUP(cleanup_symbols) struct symbols *symbols = NULL;
	struct diag d = { 0 };
	int error = 0;

	if (!t->recipes.n || symbols_open(fd, root, &symbols, &d))
		return 0;
	for (size_t i = 0; i < t->recipes.n && !error; i++) {
		struct recipe *r = t->recipes.list[i];
		struct target *g;

		if (r->is_off || has_target_of(f, r) || !recipe_matches(r, path, symbols))
			continue;
		error = target_new_recipe(t->store, fd, path, r, symbols, t->recipes.is_fields_only,
					  &g);
		if (error)
			break;
		error = file_add(f, g);
		if (error)
			target_free(t->store, g);
	}
	return error;
}

static int file_examine(struct targets *t, struct file *f, int fd, const char *path, uint32_t pid)
{
	char root[32];
	int error = f->generation ? 0 : examine_notes(t, f, fd, path, TARGET_POINTS_USUAL);

	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	if (!error)
		error = examine_recipes(t, f, fd, path, root);
	if (!error)
		f->generation = t->generation;
	return error;
}

/* ---- users ------------------------------------------------------------------------------------------------------------- */

static int file_join(struct file *f, uint32_t pid, uint64_t scan)
{
	struct target_user *more;

	for (size_t i = 0; i < f->n_users; i++) {
		if (f->user[i].pid == pid) {
			f->user[i].scan = scan;
			return 0;
		}
	}
	more = realloc(f->user, (f->n_users + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->user = more;
	f->user[f->n_users++] = (struct target_user){ .scan = scan, .pid = pid };
	return 0;
}

static void forget_uninteresting(struct targets *t)
{
	struct file *f, *next;

	HASH_ITER (hh, t->files, f, next)
		if (!f->n_targets && !f->n_users)
			file_forget(t, f);
}

static int64_t modified_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static bool has_changed(const struct file *f, const struct stat *st)
{
	return f->size != (uint64_t)st->st_size || f->modified_ns != modified_ns(st);
}

/*
 * Probes sit on inodes. So while a file has targets its inode alone says which file it is: with its times in the key a chmod or a
 * link would make it a second one, and every event would count twice.
 */
static struct file *file_find(struct targets *t, const struct stat *st)
{
	struct identity id;
	struct file *f;

	memset(&id, 0, sizeof(id));
	id.device = st->st_dev;
	id.inode = st->st_ino;
	HASH_FIND(hh, t->files, &id, sizeof(id), f);
	if (f && !f->n_targets && !f->n_users && has_changed(f, st))
		file_forget(t, f); /* written anew, or another file that got the inode of one that is gone */
	else if (f)
		return f;
	if (HASH_COUNT(t->files) >= FILES_MAX)
		forget_uninteresting(t);
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->id = id;
	f->size = (uint64_t)st->st_size;
	f->modified_ns = modified_ns(st);
	HASH_ADD(hh, t->files, id, sizeof(f->id), f);
	if (f->hh.tbl)
		return f;
	free(f);
	return NULL;
}

static bool is_jvm(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strcmp(name, "/libjvm.so") || !strcmp(name, "/libjvm.so (deleted)"));
}

int targets_offer(struct targets *t, int fd, const char *path, uint32_t pid, uint64_t scan)
{
	struct stat st;
	struct file *f;
	int error;

	if (fstat(fd, &st))
		return -errno;
	f = file_find(t, &st);
	if (!f)
		return -ENOMEM;
	if (f->generation != t->generation) {
		error = file_examine(t, f, fd, path, pid);
		if (error)
			return error;
	}
	f->is_jvm |= is_jvm(path);
	if (!f->n_targets && !f->is_jvm)
		return 0;
	error = file_join(f, pid, scan);
	return error ? error : 1;
}

void targets_leave(struct targets *t, uint32_t pid, uint64_t scan)
{
	struct file *f, *next;

	HASH_ITER (hh, t->files, f, next) {
		if (!f->n_users)
			continue;
		for (size_t i = 0; i < f->n_users; i++)
			if (f->user[i].pid == pid && f->user[i].scan < scan)
				f->user[i--] = f->user[--f->n_users];
		if (!f->n_users)
			file_forget(t, f);
	}
}

/* ---- learned functions ------------------------------------------------------------------------------------------------- */

static const struct target *target_of_slot(void *context, uint32_t slot)
{
	return targets_of_domain(context, slot);
}

void targets_learn(struct targets *t)
{
	learned_poll(t->learned, target_of_slot, t);
}

void targets_sweep(struct targets *t)
{
	learned_sweep(t->learned);
}

bool targets_is_complete(const struct targets *t, const struct target *g,
			 const struct ps_proc_key *proc)
{
	return target_is_complete(g) && !learned_is_refused(t->learned, proc, target_domain(g));
}

/* ---- how closely they are watched --------------------------------------------------------------------------------------- */

void targets_each(struct targets *t,
		  void (*call)(void *context, struct target *g, const struct target_user *users,
			       size_t n_users),
		  void *context)
{
	for (struct file *f = t->files; f; f = f->hh.next)
		for (size_t i = 0; i < f->n_targets; i++)
			call(context, f->target[i], f->user, f->n_users);
}

void targets_each_learned(struct targets *t, const struct target *parent,
			  void (*call)(void *context, struct target *g), void *context)
{
	learned_each(t->learned, parent, call, context);
}

struct target_store *targets_store(struct targets *t)
{
	return t->store;
}

static bool has_user(const struct file *f, uint32_t pid)
{
	for (size_t i = 0; i < f->n_users; i++)
		if (f->user[i].pid == pid)
			return true;
	return false;
}

int targets_set_watch(struct targets *t, struct target *g, const struct target_watch *w)
{
	const struct file *of = NULL;
	struct stepped_down *more;
	size_t at = 0;

	while (at < t->n_down && t->down[at].target != g)
		at++;
	if (w->level == LEVEL_FULL && at < t->n_down) {
		t->down[at] = t->down[--t->n_down];
	} else if (w->level != LEVEL_FULL && at == t->n_down) {
		for (const struct file *f = t->files; f && !of; f = f->hh.next)
			for (size_t i = 0; i < f->n_targets; i++)
				of = f->target[i] == g ? f : of;
		more = realloc(t->down, (at + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->down = more;
		t->down[t->n_down++] = (struct stepped_down){ .file = of, .target = g };
	}
	target_set_watch(g, w);
	return 0;
}

struct target_watch targets_watch(const struct targets *t, uint32_t domain, uint32_t pid)
{
	struct target_watch least = { .level = LEVEL_FULL };

	for (size_t i = 0; i < t->n_down; i++) {
		const struct target_watch *w = target_watch(t->down[i].target);

		if (w->level > least.level && target_domain(t->down[i].target) == domain &&
		    (domain || has_user(t->down[i].file, pid)))
			least = *w;
	}
	return least;
}

/* ---- questions --------------------------------------------------------------------------------------------------------- */

const struct target *targets_of_domain(const struct targets *t, uint32_t domain)
{
	for (const struct file *f = t->files; f; f = f->hh.next)
		for (size_t i = 0; i < f->n_targets; i++)
			if (target_recipe(f->target[i]) && target_domain(f->target[i]) == domain)
				return f->target[i];
	return NULL;
}

static bool tells_stalls(const struct file *f)
{
	for (size_t i = 0; i < f->n_targets; i++)
		if (target_recipe(f->target[i]) && target_recipe(f->target[i])->tells_stalls &&
		    target_is_attached(f->target[i]))
			return true;
	return false;
}

void targets_silent_jvms(const struct targets *t, void (*call)(void *context, uint32_t pid),
			 void *context)
{
	for (const struct file *f = t->files; f; f = f->hh.next)
		for (size_t i = 0; f->is_jvm && !tells_stalls(f) && i < f->n_users; i++)
			call(context, f->user[i].pid);
}

static uint64_t page_root(const struct file *f)
{
	for (size_t i = 0; i < f->n_targets; i++)
		if (target_page_root(f->target[i]))
			return target_page_root(f->target[i]);
	return 0;
}

void targets_page_files(const struct targets *t,
			void (*call)(void *context, const struct page_file *file), void *context)
{
	for (const struct file *f = t->files; f; f = f->hh.next) {
		struct page_file of = { f->id.device, f->id.inode, page_root(f) };

		if (of.root)
			call(context, &of);
	}
}

void targets_page_users(const struct targets *t,
			void (*call)(void *context, const struct page_file *file, uint32_t pid),
			void *context)
{
	for (const struct file *f = t->files; f; f = f->hh.next) {
		struct page_file of = { f->id.device, f->id.inode, page_root(f) };

		for (size_t i = 0; of.root && i < f->n_users; i++)
			call(context, &of, f->user[i].pid);
	}
}

int targets_watch_spare(struct targets *t, int fd, const char *path)
{
	struct stat st;
	struct file *f;

	if (fstat(fd, &st))
		return -errno;
	f = file_find(t, &st);
	if (!f)
		return -ENOMEM;
	if (f->has_spare || !f->n_targets)
		return 0;
	f->has_spare = true;
	return examine_notes(t, f, fd, path, TARGET_POINTS_SPARE);
}

static size_t count(const struct targets *t, bool is_attached)
{
	size_t n = 0;

	for (const struct file *f = t->files; f; f = f->hh.next)
		for (size_t i = 0; i < f->n_targets; i++)
			n += target_is_attached(f->target[i]) == is_attached;
	return n;
}

uint64_t targets_gone_hits(const struct targets *t)
{
	return target_store_gone_hits(t->store);
}

size_t targets_n_attached(const struct targets *t)
{
	return count(t, true);
}

size_t targets_n_failed(const struct targets *t)
{
	return count(t, false);
}

static size_t count_rows(const struct targets *t)
{
	size_t n = 0;

	for (const struct file *f = t->files; f; f = f->hh.next)
		for (size_t i = 0; i < f->n_targets; i++)
			n += target_n_rows(f->target[i]);
	for (size_t i = 0; i < learned_n(t->learned); i++)
		n += target_n_rows(learned_target(t->learned, i));
	return n;
}

int targets_rows(const struct targets *t, struct arena *arena, const struct probe_row **ret,
		 size_t *ret_n)
{
	struct probe_row *rows = arena_alloc(arena, count_rows(t) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct file *f = t->files; f; f = f->hh.next) {
		for (size_t i = 0; i < f->n_targets; i++) {
			if (target_rows(f->target[i], arena, (int32_t)f->n_users, rows + n))
				return -ENOMEM;
			n += target_n_rows(f->target[i]);
		}
	}
	for (size_t i = 0; i < learned_n(t->learned); i++) {
		if (target_rows(learned_target(t->learned, i), arena, 1, rows + n))
			return -ENOMEM;
		n += target_n_rows(learned_target(t->learned, i));
	}
	*ret = rows;
	*ret_n = n;
	return 0;
}

static int count_recipe(const struct targets *t, const struct recipe *r, struct arena *arena,
			struct recipe_row *row)
{
	for (const struct file *f = t->files; f; f = f->hh.next) {
		for (size_t i = 0; i < f->n_targets; i++) {
			const struct target *g = f->target[i];

			if (!is_of(g, r))
				continue;
			row->n_files++;
			row->n_processes += (int32_t)f->n_users;
			row->n_probes += (int32_t)target_n_attached(g);
			if (!row->problem && target_problem(g) &&
			    !(row->problem = arena_strdup(arena, target_problem(g))))
				return -ENOMEM;
		}
	}
	return 0;
}

int targets_recipe_rows(const struct targets *t, struct arena *arena, const struct recipe_row **ret,
			size_t *ret_n)
{
	size_t n = t->recipes.n + t->recipes.n_problems;
	struct recipe_row *rows = arena_alloc(arena, n + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < t->recipes.n; i++) {
		const struct recipe *r = t->recipes.list[i];

		rows[i].name = arena_strdup(arena, r->name);
		rows[i].library = arena_strdup(arena, r->library);
		rows[i].kind = r->kind;
		rows[i].is_off = r->is_off;
		if (!rows[i].name || !rows[i].library || count_recipe(t, r, arena, &rows[i]))
			return -ENOMEM;
	}
	for (size_t i = 0; i < t->recipes.n_problems; i++) {
		const struct diag *d = &t->recipes.problem[i].d;
		struct recipe_row *row = &rows[t->recipes.n + i];

		row->is_off = true;
		row->name = arena_strdup(arena, d->file);
		row->problem = d->line ? arena_printf(arena, "line %u: %s", d->line, d->text)
				       : arena_strdup(arena, d->text);
		if (!row->name || !row->problem)
			return -ENOMEM;
	}
	*ret = rows;
	*ret_n = n;
	return 0;
}
