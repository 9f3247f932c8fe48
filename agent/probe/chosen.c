/* SPDX-License-Identifier: MIT */
/*
 * chosen.c - see chosen.h. The surprise: the kernel writes of a program's first mappings before it says that the program began, so a look can come too early, and
 * what it decided be undone; watch.c looks again a tick later.
 */
#include "probe/chosen.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PATH_BYTES 4096
#define NAME_BYTES 64

struct chosen {
	struct kernel *kernel;
	struct choose rules;
};

/* The beginning of a file, as text. Its length, or a negative errno. */
static ssize_t read_text(uint32_t pid, const char *what, char *ret, size_t size)
{
	char path[64];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, size - 1);
	ret[n < 0 ? 0 : n] = 0;
	return n < 0 ? -errno : n;
}

static const char *find_line(const char *text, const char *label)
{
	size_t n = strlen(label);

	while (text && strncmp(text, label, n) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text ? text + n : NULL;
}

bool chosen_status_parse(const char *text, char *ret_name, size_t size, uint32_t *ret_uid)
{
	const char *name = find_line(text, "Name:\t"), *uid = find_line(text, "Uid:\t");
	unsigned int n;

	ret_name[0] = 0;
	*ret_uid = UINT32_MAX;
	if (name)
		snprintf(ret_name, size, "%.*s", (int)strcspn(name, "\n"), name);
	if (uid && sscanf(uid, "%u", &n) == 1)
		*ret_uid = n;
	return find_line(text, "VmSize:") != NULL;
}

/* Empty when it may not be read. */
static void read_executable(uint32_t pid, char ret[PATH_BYTES], const char **ret_last)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, ret, PATH_BYTES - 1);
	ret[n < 0 ? 0 : n] = 0;
	*ret_last = strrchr(ret, '/') ? strrchr(ret, '/') + 1 : ret;
	if (n > 10 && !strcmp(ret + n - 10, " (deleted)"))
		ret[n - 10] = 0;
}

bool chosen_look(struct chosen *c, uint32_t pid)
{
	char status[PATH_BYTES], exe[PATH_BYTES] = "", cgroup[2 * PATH_BYTES] = "",
				 name[NAME_BYTES];
	struct choose_facts facts = { .name = name, .executable = exe, .cgroup = cgroup };
	const struct choose *r = &c->rules;

	if (!choose_is_on(r))
		return true;
	if (read_text(pid, "status", status, sizeof(status)) < 0)
		return true;
	if (!chosen_status_parse(status, name, sizeof(name), &facts.uid))
		return true; /* the kernel's own, or it has ended */
	if (r->asks[CHOOSE_NAMES])
		read_executable(pid, exe, &facts.executable);
	if (r->asks[CHOOSE_UNITS] || r->asks[CHOOSE_CONTAINERS])
		read_text(pid, "cgroup", cgroup, sizeof(cgroup));
	if (choose_is_watched(r, &facts)) {
		kernel_take_in(c->kernel, pid);
		return true;
	}
	kernel_leave_out(c->kernel, pid);
	return false;
}

static void look_at_all(struct chosen *c)
{
	DIR *proc = choose_is_on(&c->rules) ? opendir("/proc") : NULL;
	struct dirent *e;

	while (proc && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]))
			chosen_look(c, (uint32_t)strtoul(e->d_name, NULL, 10));
	if (proc)
		closedir(proc);
}

int chosen_new(struct kernel *k, struct choose *rules, struct chosen **ret)
{
	struct chosen *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->kernel = k;
	chosen_set_rules(c, rules);
	look_at_all(c);
	*ret = c;
	return 0;
}

void chosen_free(struct chosen *c)
{
	if (!c)
		return;
	choose_done(&c->rules);
	free(c);
}

void chosen_set_rules(struct chosen *c, struct choose *rules)
{
	choose_done(&c->rules);
	c->rules = *rules;
	*rules = (struct choose){ 0 };
	kernel_choose(c->kernel, choose_is_on(&c->rules));
}

bool chosen_is_on(const struct chosen *c)
{
	return choose_is_on(&c->rules);
}

bool chosen_is_left_out(const struct chosen *c, uint32_t pid)
{
	return choose_is_on(&c->rules) && kernel_is_left_out(c->kernel, pid);
}
