/* SPDX-License-Identifier: MIT */
/*
 * recipes.c - see recipes.h. The surprise: a file that is wrong does not bring back the one of the same name that it replaces;
 * whoever put it there wanted that one gone.
 */
#include "discover/recipes.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SUFFIX ".recipe"
#define INSTALLED_FOLDERS "/usr/share/poolscope/recipes.d:/etc/poolscope/recipes.d"

const char *recipes_default_folders(void)
{
	static char in_tree[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", in_tree, sizeof(in_tree) - 32);
	char *end;

	if (n <= 0)
		return INSTALLED_FOLDERS;
	in_tree[n] = 0;
	end = strrchr(in_tree, '/'); /* TREE/build/poolscope */
	if (!end)
		return INSTALLED_FOLDERS;
	*end = 0;
	end = strrchr(in_tree, '/');
	if (!end || strcmp(end, "/build") != 0)
		return INSTALLED_FOLDERS;
	strcpy(end, "/agent/recipes");
	return access(in_tree, R_OK) ? INSTALLED_FOLDERS : in_tree;
}

struct found {
	char *path; /* owned */
	const char *name; /* into path */
};

struct listing {
	struct found *file;
	size_t n;
};

static void cleanup_listing(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->file[i].path);
	free(l->file);
}

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int listing_put(struct listing *l, const char *folder, const char *name)
{
	struct found *more;
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->file[i].name, name) != 0)
			continue;
		free(l->file[i].path);
		l->file[i] = (struct found){ path, strrchr(path, '/') + 1 };
		return 0;
	}
	more = l->n < RECIPES_MAX ? realloc(l->file, (l->n + 1) * sizeof(*more)) : NULL;
	if (!more) {
		free(path);
		return l->n < RECIPES_MAX ? -ENOMEM : 0;
	}
	l->file = more;
	l->file[l->n++] = (struct found){ path, strrchr(path, '/') + 1 };
	return 0;
}

static int list_folder(struct listing *l, const char *folder)
{
	CLEANUP(cleanup_dir) DIR *dir = opendir(folder);
	struct dirent *e;
	int error = 0;

	while (dir && !error && (e = readdir(dir))) {
		size_t n = strlen(e->d_name), suffix = sizeof(SUFFIX) - 1;

		if (e->d_name[0] != '.' && n > suffix && !strcmp(e->d_name + n - suffix, SUFFIX))
			error = listing_put(l, folder, e->d_name);
	}
	return error;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static bool is_empty(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !st.st_size;
}

static int add_problem(struct recipes *r, const struct diag *d)
{
	struct recipes_problem *more = realloc(r->problem, (r->n_problems + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->problem = more;
	r->problem[r->n_problems++].d = *d;
	return 0;
}

static int read_files(const struct listing *l, struct recipes *r)
{
	r->list = calloc(l->n + 1, sizeof(*r->list));
	if (!r->list)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		struct diag d = { 0 };
		int error;

		if (is_empty(l->file[i].path))
			continue;
		error = recipe_read(l->file[i].path, &r->list[r->n], &d);
		if (!error)
			r->n++;
		else if (error == -ENOMEM || add_problem(r, &d))
			return -ENOMEM;
	}
	return 0;
}

int recipes_read(const char *folders, struct recipes *ret)
{
	CLEANUP(cleanup_listing) struct listing l = { 0 };
	AUTO_FREE char *copy = strdup(folders);
	char *rest = copy, *folder;
	int error = 0;

	memset(ret, 0, sizeof(*ret));
	if (!copy)
		return -ENOMEM;
	while (!error && (folder = strsep(&rest, ":")))
		if (*folder)
			error = list_folder(&l, folder);
	if (!error && l.n)
		qsort(l.file, l.n, sizeof(*l.file), by_name);
	if (!error)
		error = read_files(&l, ret);
	if (error)
		recipes_done(ret);
	return error;
}

static int enable(struct recipes *r, const char *name)
{
	struct diag d = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->list[i]->name, name) != 0)
			continue;
		r->list[i]->is_off = false;
		return 0;
	}
	snprintf(d.file, sizeof(d.file), "%s", name);
	diag_set(&d, -ENOENT, "[recipes] enable names it, and there is no such recipe");
	return add_problem(r, &d);
}

int recipes_enable(struct recipes *r, const char *names)
{
	AUTO_FREE char *copy = names ? strdup(names) : NULL;
	char *rest = copy, *name;
	int error = 0;

	if (names && !copy)
		return -ENOMEM;
	while (!error && (name = strsep(&rest, ", \t")))
		if (*name)
			error = enable(r, name);
	return error;
}

void recipes_done(struct recipes *r)
{
	for (size_t i = 0; i < r->n; i++)
		recipe_unref(r->list[i]);
	free(r->list);
	free(r->problem);
	memset(r, 0, sizeof(*r));
}

struct recipe *recipes_find(const struct recipes *r, const char *name, uint64_t hash)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i]->hash == hash && !r->list[i]->is_off &&
		    !strcmp(r->list[i]->name, name))
			return r->list[i];
	return NULL;
}
