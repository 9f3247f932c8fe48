/* SPDX-License-Identifier: MIT */
/*
 * sdk_test.c - the SDK header against the vocabulary and the ABI: the header must stand alone, so it repeats numbers that are
 * defined elsewhere; here the compiler and the notes of this very program prove that they are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "discover/argspec.h"
#include "discover/notes.h"
#include "tools/sdk/poolscope.h"

#define SAME(member, handle_member)                                                                \
	_Static_assert(offsetof(struct poolscope_pool, member) ==                                  \
			       offsetof(struct ps_handle, handle_member),                          \
		       #member)

_Static_assert(sizeof(struct poolscope_pool) == sizeof(struct ps_handle),
	       "the handle has another size");
_Static_assert(POOLSCOPE_MAGIC_ == PS_HANDLE_MAGIC, "the handle has another magic");
SAME(magic_, magic);
SAME(kind_, kind);
SAME(capacity_, capacity);
SAME(min_idle_, min_idle);
SAME(in_use_at_, in_use_at);
SAME(open_at_, open_at);
SAME(name_, name);
_Static_assert((int)POOLSCOPE_NEW == (int)PS_ACQUIRED_NEW &&
		       (int)POOLSCOPE_UNHELD == (int)PS_ACQUIRED_UNHELD &&
		       (int)POOLSCOPE_BROKEN == (int)PS_RELEASED_BROKEN,
	       "flags");

static struct poolscope_pool pool;

static void use_every_verb(void)
{
	uint32_t in_use = 1, open = 2;

	poolscope_pool_counters(&pool, &in_use, &open);
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "orders", 20, 2);
	poolscope_pool_resize(&pool, 21);
	poolscope_wait_begin(&pool, 0);
	poolscope_wait_end(&pool, 0, POOLSCOPE_OUTCOME_TIMEOUT);
	poolscope_acquired(&pool, 1, 0, POOLSCOPE_NEW);
	poolscope_released(&pool, 1, POOLSCOPE_BROKEN);
	poolscope_item_opened(&pool, 1, 5, POOLSCOPE_OUTCOME_OK);
	poolscope_item_closed(&pool, 1, POOLSCOPE_CLOSE_BROKEN);
	poolscope_rejected(&pool, POOLSCOPE_REJECT_DROPPED);
	poolscope_health(&pool, 1, POOLSCOPE_OUTCOME_OK);
	poolscope_stall_begin(POOLSCOPE_STALL_GC);
	poolscope_stall_end(POOLSCOPE_STALL_GC);
}

static void the_handle_describes_the_pool(void **state)
{
	const struct ps_handle *h = (const void *)&pool;

	(void)state;
	use_every_verb();
	assert_true(h->magic == PS_HANDLE_MAGIC);
	assert_int_equal(h->kind, PS_KIND_connection);
	assert_int_equal(h->capacity, 21);
	assert_int_equal(h->min_idle, 2);
	assert_string_equal(h->name, "orders");
	poolscope_pool_destroy(&pool);
	assert_true(h->magic == 0);
}

static void a_long_name_is_cut(void **state)
{
	char name[1000];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_OBJECT, name, 0, 0);
	assert_int_equal(strlen(pool.name_), PS_NAME_MAX - 1);
	poolscope_pool_destroy(&pool);
}

static void every_verb_has_a_point_with_its_arguments_a_semaphore_and_a_nop(void **state)
{
	static const struct {
		const char *name;
		unsigned int n_args;
	} verbs[] = {
#define VERB(id, name, n_args, args, text) { #name, n_args },
#include "bpf/verbs.def"
	};
	struct notes notes;
	struct diag d = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	use_every_verb();
	assert_true(fd >= 0);
	assert_int_equal(notes_read(fd, "poolscope", 1000, &notes, &d), 0);
	assert_int_equal(notes.n_bad, 0);
	for (size_t v = 0; v < sizeof(verbs) / sizeof(*verbs); v++) {
		size_t found = 0;

		for (size_t i = 0; i < notes.n; i++) {
			struct ps_arg args[PS_MAX_ARGS];
			unsigned int n;
			unsigned char site;

			if (strcmp(notes.list[i].name, verbs[v].name))
				continue;
			found++;
			assert_int_equal(argspec_parse(notes.list[i].args, notes.machine, NULL, 0,
						       args, &n, &d),
					 0);
			/* the two behind which a slot stands say so by one more */
			assert_int_equal(n, verbs[v].n_args + (!strcmp(verbs[v].name, "acquired") ||
							       !strcmp(verbs[v].name, "released")));
			assert_true(notes.list[i].semaphore_offset != 0);
			assert_int_equal(pread(fd, &site, 1, (off_t)notes.list[i].pc_offset), 1);
			if (notes.machine == EM_X86_64)
				assert_int_equal(site, 0x90);
		}
		assert_true(found > 0);
	}
	notes_done(&notes);
	close(fd);
}

/* Every word of the vocabulary has its name in capitals, which stands for the number that the list of verbs gives it. */
static void check_word(const char *text, const char *group, const char *name)
{
	char line[256], upper[64] = "";

	for (size_t i = 0; name[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)toupper((unsigned char)name[i]);
	snprintf(line, sizeof(line), "POOLSCOPE_%s_%s = POOLSCOPE_%s_%s_", group, upper, group,
		 name);
	if (!strstr(text, line))
		fail_msg("poolscope.h has no %s", line);
}

static void every_word_of_the_vocabulary_is_in_the_header(void **state)
{
	static char text[65536];
	FILE *f = fopen("tools/sdk/poolscope.h", "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
#define KIND(id, name, t) check_word(text, "KIND", #name);
#define OUTCOME(id, name, t) check_word(text, "OUTCOME", #name);
#define CLOSE_REASON(id, name, t) check_word(text, "CLOSE", #name);
#define REJECT_REASON(id, name, t) check_word(text, "REJECT", #name);
#define STALL_CAUSE(id, name, t) check_word(text, "STALL", #name);
#include "bpf/verbs.def"
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_handle_describes_the_pool),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(every_verb_has_a_point_with_its_arguments_a_semaphore_and_a_nop),
		cmocka_unit_test(every_word_of_the_vocabulary_is_in_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
