/* SPDX-License-Identifier: MIT */
/*
 * choose.h - which processes are watched, by the lists of [processes]. Pure: what is known of a process is handed in.
 *
 * Each list is of words with blanks or commas between. In names, units and containers * stands for any characters and ? for one. A process is left out
 * when a word of an exclude list fits; or when there is an include list, and no word of any include list fits. So exclude wins, and without lists all
 * are watched.
 *
 *	names		the main thread's name (15 bytes are kept by the kernel), or the last part of the executable's path
 *	units		a part of the path of the process's cgroup: nginx.service, app.slice, session-3.scope; without a dot, a service
 *	containers	how the container's id begins, as docker, podman, containerd and CRI-O name cgroups by it; * = every container
 *	users		the real user, by name or number; names are looked up once, when the lists are read
 *
 * What a process says of itself to OpenTelemetry is no criterion: it stands in its memory, which of one that is left out is not read.
 */
#ifndef POOLSCOPE_CONFIG_CHOOSE_H
#define POOLSCOPE_CONFIG_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct diag;

#define CHOOSE_WORDS 256	/* of all lists together */
#define CHOOSE_WORD_BYTES 128	/* with its NUL */

enum choose_by { CHOOSE_NAMES, CHOOSE_UNITS, CHOOSE_CONTAINERS, CHOOSE_USERS, CHOOSE_BYS };

struct choose_word {
	enum choose_by by;
	bool is_exclude;
	uint32_t uid;	/* of CHOOSE_USERS */
	char text[CHOOSE_WORD_BYTES];
};

struct choose {
	struct choose_word *word;	/* owned */
	size_t n;
	bool has_include;
	bool asks[CHOOSE_BYS];	/* there is a word of that sort: what it asks for must be known */
};

/* Of a process; all of it is foreign text. */
struct choose_facts {
	const char *name;	/* as in /proc/PID/comm, without the newline */
	const char *executable;	/* the last part of its path; "" = not known */
	const char *cgroup;	/* /proc/PID/cgroup, whole or its beginning */
	uint32_t uid;
};

/* The number of a user; false = there is none of that name. */
typedef bool choose_user(const char *name, uint32_t *ret_uid);

/*
 * The lists of a configuration. -EINVAL with the key and what was expected in d; -ENOMEM. choose_done() is safe in every case, and on a struct of zeros, which
 * leaves out nobody.
 */
int choose_init(struct choose *c, const struct config *config, choose_user *user, struct diag *d);
void choose_done(struct choose *c);

/* There are lists at all. */
bool choose_is_on(const struct choose *c);

bool choose_is_watched(const struct choose *c, const struct choose_facts *f);

/* Whether a text of n bytes fits a pattern with * and ?. In time that grows with the product of their lengths at most. */
bool choose_fits(const char *pattern, const char *text, size_t n);

#endif
