/* SPDX-License-Identifier: MIT */
/*
 * discover_test.c - notes and mappings of real files against an independent reader, and the hostile files of the fuzzers' corpus
 * with what must come of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "discover/mapped.h"
#include "discover/notes.h"
#include "ingest/process_info.h"

static int take_libc(void *context, uint32_t pid, int fd, const char *path)
{
	(void)pid;
	if (strstr(path, "/libc.so"))
		*(int *)context = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static int take_forged(void *context, uint32_t pid, int fd, const char *path)
{
	(void)pid, (void)fd;
	*(int *)context += strstr(path, "victim") != NULL;
	return 0;
}

/*
 * A newline in a path is four characters in /proc/PID/maps, so a line can be longer than our room for it, and what is left over can
 * read as another mapping: of a file that the process chose and does not map.
 */
static void what_is_left_of_a_line_that_is_too_long_is_no_mapping(void **state)
{
	char base[] = "/tmp/poolscope-test.XXXXXX", victim[64], path[8192], command[64];
	enum { BEGIN_OF_PATH = 73, ROOM = 4223 };
	char newlines[256];
	int fd, n_forged = 0;
	struct stat st;
	size_t n, in_maps;
	void *page;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(victim, sizeof(victim), "%s/victim", base);
	fd = open(victim, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	memset(newlines, '\n', 255);
	newlines[255] = 0;
	n = (size_t)snprintf(path, sizeof(path), "%s", base);
	for (int i = 0; i < 4; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/%s", newlines);
	in_maps = n + 3 * 4 * 255;
	n += (size_t)snprintf(path + n, sizeof(path) - n,
			      "/%0*d100000-200000 r-xp 00000000 08:01 %llu %s",
			      (int)(ROOM - BEGIN_OF_PATH - in_maps - 1), 0,
			      (unsigned long long)st.st_ino, victim);
	for (char *at = path + strlen(base); at; at = strchr(at + 1, '/')) {
		*at = 0;
		assert_true(!mkdir(path, 0700) || errno == EEXIST);
		*at = '/';
	}
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_true(page != MAP_FAILED);
	assert_int_equal(mapped_files((uint32_t)getpid(), take_forged, &n_forged), 0);
	assert_int_equal(n_forged, 0);
	munmap(page, 4096);
	close(fd);
	snprintf(command, sizeof(command), "rm -r %s", base);
	assert_int_equal(system(command), 0);
}

static size_t readelf_count(const char *path)
{
	char command[512];
	unsigned long n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "readelf -n %s 2>/dev/null | grep -c 'Provider: libc'",
		 path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &n), 1);
	pclose(f);
	return n;
}

static void the_notes_of_this_process_libc_are_those_that_readelf_lists(void **state)
{
	struct notes notes;
	struct diag d = { 0 };
	char path[64];
	int fd = -1;

	(void)state;
	assert_int_equal(mapped_files((uint32_t)getpid(), take_libc, &fd), 0);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	assert_int_equal(notes_read(fd, "libc", 100000, &notes, &d), 0);
	assert_int_equal(notes.n, readelf_count(path));
	assert_int_equal(notes.n_bad, 0);
	notes_done(&notes);
	close(fd);
}

static void a_limit_on_notes_counts_what_it_leaves_out(void **state)
{
	int fd = open("tests/fuzz/corpus/notes/two", O_RDONLY | O_CLOEXEC);
	struct notes notes;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(notes_read(fd, "poolscope", 1, &notes, NULL), 0);
	assert_int_equal(notes.n, 1);
	assert_int_equal(notes.n_over, 1);
	notes_done(&notes);
	close(fd);
}

static void hostile_files_give_what_can_be_believed_and_nothing_more(void **state)
{
	static const struct {
		const char *file;
		int error;
		size_t n, n_bad;
	} cases[] = {
		{ "good", 0, 1, 0 },
		{ "arm", 0, 1, 0 },
		{ "namesz-lies", 0, 0, 1 },
		{ "descsz-lies", 0, 0, 1 },
		{ "section-huge", -EBADMSG, 0, 1 },
		{ "section-outside", -EBADMSG, 0, 1 },
		{ "pc-outside", 0, 0, 1 },
		{ "pc-not-executable", 0, 0, 1 },
		{ "semaphore-outside", 0, 0, 1 },
		{ "semaphore-not-writable", 0, 0, 1 },
		{ "no-nul", 0, 0, 1 },
		{ "other-type", 0, 0, 0 },
		{ "other-owner", 0, 0, 0 },
		{ "32-bit", -ENOEXEC, 0, 0 },
		{ "empty", -ENOEXEC, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct notes notes;
		char path[128];
		int fd;

		snprintf(path, sizeof(path), "tests/fuzz/corpus/notes/%s", cases[i].file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		if (notes_read(fd, "poolscope", 100, &notes, NULL) != cases[i].error ||
		    notes.n != cases[i].n || notes.n_bad != cases[i].n_bad)
			fail_msg("%s: %zu notes, %zu bad", cases[i].file, notes.n, notes.n_bad);
		notes_done(&notes);
		close(fd);
	}
}

static void a_line_of_maps_is_read_with_blanks_in_its_path(void **state)
{
	char line[] =
		"55d0c0000000-55d0c0001000 r-xp 00002000 fe:01 123456      /opt/my app/x (deleted)\n";
	char bad[] = "55d0c0001000-55d0c0000000 r-xp 00002000 fe:01 123456 /x";
	struct mapping m;

	(void)state;
	assert_true(mapping_parse(line, &m));
	assert_true(m.is_executable);
	assert_int_equal(m.inode, 123456);
	assert_int_equal(m.device_minor, 1);
	assert_int_equal(m.offset, 0x2000);
	assert_string_equal(m.path, "/opt/my app/x (deleted)");
	assert_false(mapping_parse(bad, &m));
}

static void a_cgroup_names_the_service_and_the_container(void **state)
{
	struct process_names names = { .name = "" };

	(void)state;
	cgroup_line_parse("0::/system.slice/nginx.service", &names);
	assert_string_equal(names.service, "nginx");
	assert_string_equal(names.container_id, "");
	cgroup_line_parse(
		"0::/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope",
		&names);
	assert_string_equal(names.container_id,
			    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

static void a_stat_tells_when_a_process_began(void **state)
{
	uint64_t ticks = 0;

	(void)state;
	assert_true(
		stat_started_parse("7 (a) b) 1 2 3) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 "
				   "98765 1000 200 18446744073709551615",
				   &ticks));
	assert_int_equal(ticks, 98765);
	assert_false(stat_started_parse("7 (a) S 1 7", &ticks));
	assert_false(stat_started_parse("", &ticks));
	assert_int_equal(ticks, 98765);
}

static void an_executable_is_called_by_its_file_also_when_that_is_gone(void **state)
{
	char name[TEXT_NAME_BYTES];

	(void)state;
	exe_name_parse("/usr/bin/my program", name);
	assert_string_equal(name, "my program");
	exe_name_parse("/opt/x/server (deleted)", name);
	assert_string_equal(name, "server");
	exe_name_parse("/opt/x/a\nb\033[31m", name);
	assert_string_equal(name, "a?b?[31m");
	exe_name_parse(" (deleted)", name);
	assert_string_equal(name, " (deleted)");
}

static void of_this_process_it_is_known_when_it_began(void **state)
{
	struct process_names names;
	struct timespec now;
	int64_t age_ns;

	(void)state;
	assert_int_equal(process_names_read((uint32_t)getpid(), &names), 0);
	assert_string_equal(names.executable, "discover_test");
	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - names.started_wall_ns;
	assert_true(age_ns > -20000000 && age_ns < 600000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_of_a_line_that_is_too_long_is_no_mapping),
		cmocka_unit_test(the_notes_of_this_process_libc_are_those_that_readelf_lists),
		cmocka_unit_test(a_limit_on_notes_counts_what_it_leaves_out),
		cmocka_unit_test(hostile_files_give_what_can_be_believed_and_nothing_more),
		cmocka_unit_test(a_line_of_maps_is_read_with_blanks_in_its_path),
		cmocka_unit_test(a_cgroup_names_the_service_and_the_container),
		cmocka_unit_test(a_stat_tells_when_a_process_began),
		cmocka_unit_test(an_executable_is_called_by_its_file_also_when_that_is_gone),
		cmocka_unit_test(of_this_process_it_is_known_when_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
