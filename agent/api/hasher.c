/* SPDX-License-Identifier: MIT */
/*
 * hasher.c - see hasher.h. A fixed array of jobs under one lock; the thread works on a copy. The surprise: a password is wiped from the array in the moment
 * that its copy is taken, and from the copy after, so it outlives its comparison nowhere.
 */
#include "api/hasher.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE 10
#define HASH_BYTES 64

enum state { FREE, WAITS, RUNS, DONE };

struct job {
	enum state state;
	uint64_t id, order;
	char password[HASHER_SECRET_BYTES];
	char hash[HASH_BYTES];
	bool is_same;
};

struct hasher {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool is_started, is_over;	/* is_started is the owner's alone */
	int fd;
	uint64_t n_jobs;
	struct job jobs[HASHER_JOBS];
};

/* ---- the thread ------------------------------------------------------------------------------------------------------------ */

static bool is_same(const struct job *job)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *made = data ? crypt_r(job->password, job->hash, data) : NULL;
	size_t n = strlen(job->hash);
	bool same = made && strlen(made) == n && !gnutls_memcmp(made, job->hash, n);

	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return same;
}

/* The one that came first of those in a state; NULL = none. The lock is held. */
static struct job *first_job(struct hasher *h, enum state state)
{
	struct job *first = NULL;

	for (int i = 0; i < HASHER_JOBS; i++) {
		struct job *job = &h->jobs[i];

		if (job->state == state && (!first || job->order < first->order))
			first = job;
	}
	return first;
}

static void do_job(struct hasher *h, struct job *job)
{
	struct job copy = *job;
	uint64_t one = 1;

	job->state = RUNS;
	explicit_bzero(job->password, sizeof(job->password));
	pthread_mutex_unlock(&h->lock);
	copy.is_same = is_same(&copy);
	explicit_bzero(copy.password, sizeof(copy.password));
	pthread_mutex_lock(&h->lock);
	job->is_same = copy.is_same;
	job->state = DONE;
	if (write(h->fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: it is readable */
}

/* It works on what strangers send, and needs none. Of this thread alone. */
static void give_up_rights(void)
{
	cap_t none = cap_init();

	if (none) {
		cap_set_proc(none);
		cap_free(none);
	}
}

static void *work(void *hasher)
{
	struct hasher *h = hasher;

	prctl(PR_SET_NAME, "poolscope-hash");
	give_up_rights();
	setpriority(PRIO_PROCESS, 0, NICE); /* Linux: of this thread */
	pthread_mutex_lock(&h->lock);
	while (!h->is_over) {
		struct job *job = first_job(h, WAITS);

		if (job)
			do_job(h, job);
		else
			pthread_cond_wait(&h->wake, &h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* ---- the owner ------------------------------------------------------------------------------------------------------------- */

int hasher_new(struct hasher **ret)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->fd < 0) {
		int r = -errno;

		free(h);
		return r;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wake, NULL);
	*ret = h;
	return 0;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->is_over = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (h->is_started)
		pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	close(h->fd);
	explicit_bzero(h, sizeof(*h));
	free(h);
}

int hasher_fd(const struct hasher *h)
{
	return h->fd;
}

/* Signals are the owner's: the thread is to take none. */
static int start(struct hasher *h)
{
	sigset_t all, before;
	int r;

	if (h->is_started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&h->thread, NULL, work, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	h->is_started = !r;
	return -r;
}

int hasher_add(struct hasher *h, uint64_t id, const char *password, const char *hash)
{
	struct job *job;
	int r;

	if (strlen(password) >= HASHER_SECRET_BYTES || strlen(hash) >= HASH_BYTES)
		return -EINVAL;
	r = start(h);
	if (r)
		return r;
	pthread_mutex_lock(&h->lock);
	job = first_job(h, FREE);
	if (job) {
		job->state = WAITS;
		job->id = id;
		job->order = ++h->n_jobs;
		strcpy(job->password, password);
		strcpy(job->hash, hash);
		pthread_cond_signal(&h->wake);
	}
	pthread_mutex_unlock(&h->lock);
	return job ? 0 : -EBUSY;
}

bool hasher_take(struct hasher *h, uint64_t *ret_id, bool *ret_is_same)
{
	struct job *job;
	uint64_t n;

	pthread_mutex_lock(&h->lock);
	job = first_job(h, DONE);
	if (job) {
		*ret_id = job->id;
		*ret_is_same = job->is_same;
		job->state = FREE;
	} else if (read(h->fd, &n, sizeof(n)) < 0) {
		n = 0; /* it was not readable */
	}
	pthread_mutex_unlock(&h->lock);
	return job != NULL;
}
