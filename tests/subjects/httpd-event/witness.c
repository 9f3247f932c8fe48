/* SPDX-License-Identifier: MIT */
/*
 * An auditor of the run-time linker (rtld-audit(7)): httpd's calls of its queue's functions go through here, and which they were and
 * when is noted in the file $WITNESS.
 *
 * The surprise: preloading would not do, for the functions are the program's own and so found first; and an auditor has a C library
 * of its own, so it uses little of it. The notes are memory that children share.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NOTES_MAX 65536

enum note_kind { NOTE_PUSH = 1, NOTE_REFUSED, NOTE_ASK, NOTE_POP };

/* As $WITNESS has them: the number of notes, then the notes. */
struct note {
	int64_t t_ns;
	uint64_t socket;
	uint32_t pid, tid;
	uint32_t kind, reserved;
};

struct notes {
	uint64_t n;
	struct note note[NOTES_MAX];
};

static struct notes *notes;
static int (*real_try_get_idler)(void *info);
static int (*real_push_socket)(void *queue, void *socket, void *baton, void *pool);
static int (*real_pop_something)(void *queue, void **socket, void **baton, void **pool,
				 void **timer);

static void note(enum note_kind kind, void *socket)
{
	struct timespec t;
	uint64_t i;

	clock_gettime(CLOCK_MONOTONIC, &t);
	i = __atomic_fetch_add(&notes->n, 1, __ATOMIC_RELAXED);
	if (i >= NOTES_MAX)
		return;
	notes->note[i] = (struct note){
		.t_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec,
		.socket = (uintptr_t)socket,
		.pid = (uint32_t)getpid(),
		.tid = (uint32_t)gettid(),
		.kind = kind,
	};
}

static int try_get_idler(void *info)
{
	int error = real_try_get_idler(info);

	if (error)
		note(NOTE_REFUSED, NULL);
	return error;
}

static int push_socket(void *queue, void *socket, void *baton, void *pool)
{
	note(NOTE_PUSH, socket);
	return real_push_socket(queue, socket, baton, pool);
}

static int pop_something(void *queue, void **socket, void **baton, void **pool, void **timer)
{
	int error;

	note(NOTE_ASK, NULL);
	error = real_pop_something(queue, socket, baton, pool, timer);
	if (!error && !(timer && *timer))
		note(NOTE_POP, *socket);
	return error;
}

static const struct {
	const char *name;
	void *ours;
	void *real;
} functions[] = {
	{ "ap_queue_info_try_get_idler", try_get_idler, &real_try_get_idler },
	{ "ap_queue_push_socket", push_socket, &real_push_socket },
	{ "ap_queue_pop_something", pop_something, &real_pop_something },
};

unsigned int la_version(unsigned int version)
{
	const char *path = getenv("WITNESS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || ftruncate(fd, sizeof(*notes)))
		return 0; /* not wanted */
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return notes == MAP_FAILED ? 0 : version;
}

unsigned int la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
	(void)map, (void)space, (void)cookie;
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

uintptr_t la_symbind64(Elf64_Sym *sym, unsigned int index, uintptr_t *from, uintptr_t *to,
		       unsigned int *flags, const char *name)
{
	(void)index, (void)from, (void)to, (void)flags;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(name, functions[i].name) != 0)
			continue;
		memcpy(functions[i].real, &sym->st_value, sizeof(void *));
		return (uintptr_t)functions[i].ours;
	}
	return sym->st_value;
}
