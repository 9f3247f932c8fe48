/* SPDX-License-Identifier: MIT */
/*
 * symbols_test.c - functions of real files against other readers (the dynamic linker, readelf, this program itself); Go's table of
 * functions in each of its forms, built here; and the hostile files of the fuzzer's corpus with what must come of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "discover/cxxname.h"
#include "discover/symbols.h"

#define CORPUS "tests/fuzz/corpus/symbols/"

extern const char __executable_start; /* the linker's: where this program is loaded */
static int counter_of_this_program = 5; /* a data symbol to look for */

static struct symbols *open_file(const char *path, const char *root)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct symbols *s = NULL;
	struct diag d = { .text = "" };

	assert_true(fd >= 0);
	if (symbols_open(fd, root, &s, &d))
		fail_msg("%s: %s", path, d.text);
	return s;
}

static void a_function_of_this_program_is_found_and_its_address_names_it(void **state)
{
	struct symbols *s = open_file("/proc/self/exe", NULL);
	uint64_t want = (uint64_t)((const char *)open_file - &__executable_start);
	struct symbol found, around;
	const char *name;
	char code[16];

	(void)state;
	assert_int_equal(symbols_find(s, "open_file", &found, NULL), 0);
	assert_int_equal(found.vaddr, want);
	assert_int_equal(found.origin, SYMBOL_SYMTAB);
	assert_true(found.size > 20);
	assert_int_equal(symbols_at(s, want + found.size - 1, &around, &name), 0);
	assert_string_equal(name, "open_file");
	assert_int_equal(around.vaddr, found.vaddr);
	assert_int_equal(around.offset, found.offset);
	assert_int_equal(symbols_read_code(s, want, code, sizeof(code)), 0);
	assert_memory_equal(code, (const char *)open_file, sizeof(code));
	symbols_free(s);
}

static void a_data_symbol_is_found_but_is_no_function(void **state)
{
	struct symbols *s = open_file("/proc/self/exe", NULL);
	struct symbol found;
	uint64_t vaddr;

	(void)state;
	assert_int_equal(symbols_find_object(s, "counter_of_this_program", &vaddr), 0);
	assert_int_equal(vaddr, (uint64_t)((char *)&counter_of_this_program - &__executable_start));
	assert_int_equal(symbols_find(s, "counter_of_this_program", &found, NULL), -ENOENT);
	assert_int_equal(symbols_find_object(s, "open_file", &vaddr), -ENOENT);
	symbols_free(s);
}

/* The dynamic linker's answer, as an address in the file. */
static uint64_t linked_vaddr(void *libc, const char *name)
{
	void *at = dlsym(libc, name);
	Dl_info info;

	assert_non_null(at);
	assert_true(dladdr(at, &info));
	return (uint64_t)((char *)at - (char *)info.dli_fbase);
}

static void exported_functions_of_libc_lie_where_the_dynamic_linker_finds_them(void **state)
{
	static const char *const names[] = {
		"malloc", "fopen", "qsort", "pthread_cond_wait", "pthread_cond_timedwait", "regexec"
	};
	void *libc = dlopen("libc.so.6", RTLD_LAZY);
	struct symbols *s;
	struct symbol found;
	struct diag d;
	Dl_info info;

	(void)state;
	assert_true(dladdr(dlsym(libc, "malloc"), &info));
	s = open_file(info.dli_fname, NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(symbols_find(s, names[i], &found, NULL), 0);
		assert_int_equal(found.vaddr, linked_vaddr(libc, names[i]));
	}
	/* its default version is chosen at load time; the old version is an ordinary function */
	assert_int_equal(symbols_find(s, "memcpy", &found, &d), -ENOTSUP);
	assert_string_equal(symbols_soname(s), "libc.so.6");
	symbols_free(s);
	dlclose(libc);
}

static void the_build_id_is_the_one_that_readelf_prints(void **state)
{
	struct symbols *s = open_file("/bin/ls", NULL);
	struct symbol found;
	char want[200] = "";
	FILE *f = popen("readelf -n /bin/ls 2>/dev/null | sed -n 's/.*Build ID: //p'", "r");

	(void)state;
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%199s", want), 1);
	pclose(f);
	assert_string_equal(symbols_build_id(s), want);
	assert_null(symbols_soname(s));
	assert_false(symbols_is_go(s));
	assert_int_equal(symbols_find(s, "main", &found, NULL), -ENOENT);
	symbols_free(s);
}

static void code_is_read_only_from_executable_segments(void **state)
{
	struct symbols *s = open_file(CORPUS "symtab", NULL);
	uint64_t vaddr, size;
	char byte;

	(void)state;
	assert_int_equal(symbols_n_segments(s), 1);
	symbols_segment(s, 0, &vaddr, &size);
	assert_int_equal(symbols_read_code(s, vaddr, &byte, 1), 0);
	assert_int_equal(symbols_read_code(s, vaddr + size - 1, &byte, 1), 0);
	assert_int_equal(symbols_read_code(s, vaddr + size - 1, &byte, 2), -ERANGE);
	assert_int_equal(symbols_read_code(s, vaddr + size, &byte, 1), -ERANGE);
	assert_int_equal(symbols_read_code(s, vaddr - 1, &byte, 1), -ERANGE);
	symbols_free(s);
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("%s", command);
}

/* A stripped copy of this program in `folder`, and a root there that has its debug file. Returns the place of that. */
static void debug_root_make(const char *folder, char *ret_debug, size_t size)
{
	struct symbols *s = open_file("/proc/self/exe", NULL);
	const char *id = symbols_build_id(s);

	assert_non_null(id);
	snprintf(ret_debug, size, "%s/usr/lib/debug/.build-id/%.2s/%s.debug", folder, id, id + 2);
	shell("mkdir -p $(dirname %s) && cp /proc/%d/exe %s/full && strip -o %s/stripped %s/full && "
	      "objcopy --only-keep-debug %s/full %s",
	      ret_debug, (int)getpid(), folder, folder, folder, folder, ret_debug);
	symbols_free(s);
}

static int find_in_copy(const char *folder, struct symbol *ret)
{
	char path[256];
	struct symbols *s;
	int error;

	snprintf(path, sizeof(path), "%s/stripped", folder);
	s = open_file(path, folder);
	error = symbols_find(s, "open_file", ret, NULL);
	symbols_free(s);
	return error;
}

static void a_debug_file_counts_only_with_the_same_build_id_and_inside_the_root(void **state)
{
	char folder[] = "/tmp/symbols-test-XXXXXX", debug[400];
	struct symbol found;

	(void)state;
	assert_non_null(mkdtemp(folder));
	debug_root_make(folder, debug, sizeof(debug));
	assert_int_equal(find_in_copy(folder, &found), 0);
	assert_int_equal(found.origin, SYMBOL_DEBUG_FILE);
	assert_int_equal(found.vaddr, (uint64_t)((const char *)open_file - &__executable_start));

	shell("mv %s %s/moved && ln -s /moved %s", debug, folder, debug); /* a link is the root's own */
	assert_int_equal(find_in_copy(folder, &found), 0);
	shell("mv %s/moved /tmp/moved-%d && ln -sf /tmp/moved-%d %s", folder, (int)getpid(),
	      (int)getpid(), debug);
	assert_int_equal(find_in_copy(folder, &found), -ENOENT);
	shell("rm /tmp/moved-%d %s && mkfifo %s", (int)getpid(), debug, debug); /* must not block */
	assert_int_equal(find_in_copy(folder, &found), -ENOENT);
	shell("rm %s && cp /bin/ls %s", debug, debug);
	assert_int_equal(find_in_copy(folder, &found), -ENOENT);
	shell("rm -r %s", folder);
}

static bool cxx_is(const char *mangled, const char *want)
{
	struct cxx_query q;

	cxx_query_init(&q, want);
	return cxx_query_matches(&q, mangled);
}

static void a_cxx_name_is_met_with_and_without_its_parameters(void **state)
{
	(void)state;
	assert_true(cxx_is("_ZN2ns4Pool7acquireEi", "ns::Pool::acquire"));
	assert_true(cxx_is("_ZN2ns4Pool7acquireEi", "ns::Pool::acquire(int)"));
	assert_false(cxx_is("_ZN2ns4Pool7acquireEi", "ns::Pool::acquire(long)"));
	assert_false(cxx_is("_ZN2ns4Pool7acquireEi", "Pool::acquire"));
	assert_false(cxx_is("_ZN2ns4Pool7acquireEi", "ns::Pool::acq"));
	assert_true(cxx_is("_ZNK2ns4Pool4sizeEv", "ns::Pool::size"));
	assert_true(cxx_is("_ZNK2ns4Pool4sizeEv", "ns::Pool::size()"));
	assert_true(cxx_is("_ZNK2ns4Pool4sizeEv", "ns::Pool::size() const"));
	assert_true(cxx_is("_ZN2ns4PoolC1Ev", "ns::Pool::Pool"));
	assert_true(cxx_is("_ZN2ns4PoolD2Ev", "ns::Pool::~Pool()"));
	assert_true(cxx_is("_ZN2ns4PoolclEi", "ns::Pool::operator()"));
	assert_true(cxx_is("_ZN2ns4PoolclEi", "ns::Pool::operator()(int)"));
	assert_true(cxx_is("_ZN2ns4PoolIiE7acquireEv", "ns::Pool<int>::acquire"));
	assert_true(
		cxx_is("_ZN12_GLOBAL__N_14Pool7acquireEv", "(anonymous namespace)::Pool::acquire"));
	assert_false(cxx_is("_ZN2ns4Pool7acquireEv.cold", "ns::Pool::acquire"));
	assert_false(cxx_is("_ZThn8_N2ns4Pool7acquireEv", "ns::Pool::acquire"));
}

static void a_cxx_name_that_would_grow_without_bound_is_left_out(void **state)
{
	char bomb[1000] = "_ZN2ns4Pool7acquireEiSt4pairIiiE";
	struct cxx_query q;

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(bomb, "St4pairIS1_S1_E");
	cxx_query_init(&q, "ns::Pool::acquire");
	assert_false(cxx_query_matches(&q, bomb));
	assert_int_equal(q.n_left_out, 1);
	assert_int_equal(q.n_demangled, 0);
}

/* A Go program without symbols: one page of code, and a page of data that begins with the table of functions. */
#define PAGE 0x1000ull
#define CODE PAGE
#define TABLE (2 * PAGE)
#define MODULE (TABLE + 0x400)

struct image {
	unsigned char bytes[3 * PAGE];
};

static void put(struct image *im, uint64_t at, uint64_t value, size_t n)
{
	memcpy(im->bytes + at, &value, n);
}

static void image_init(struct image *im)
{
	static const unsigned char go_note[] = "\4\0\0\0\4\0\0\0\4\0\0\0Go\0\0test";
	Elf64_Ehdr h = { .e_ident = ELFMAG "\2\1\1",
			 .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_phoff = sizeof(h),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 3 };
	Elf64_Phdr p[3] = {
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R | PF_X,
		  .p_offset = CODE,
		  .p_vaddr = CODE,
		  .p_filesz = PAGE,
		  .p_memsz = PAGE },
		{ .p_type = PT_LOAD,
		  .p_flags = PF_R,
		  .p_offset = TABLE,
		  .p_vaddr = TABLE,
		  .p_filesz = PAGE,
		  .p_memsz = PAGE },
		{ .p_type = PT_NOTE,
		  .p_flags = PF_R,
		  .p_offset = 0x400,
		  .p_vaddr = 0x400,
		  .p_filesz = 20,
		  .p_memsz = 20 },
	};

	memset(im, 0, sizeof(*im));
	memcpy(im->bytes, &h, sizeof(h));
	memcpy(im->bytes + sizeof(h), p, sizeof(p));
	memcpy(im->bytes + 0x400, go_note, 20);
	memset(im->bytes + CODE, 0x90, PAGE);
	memset(im->bytes + CODE + 0x138, 0xcc, 8); /* the padding behind the first function */
}

/*
 * Two functions: alpha at CODE + 0x100, of 0x38 bytes; main.Foo[...] at CODE + 0x140, of 0x40. The names are at TABLE + 0x100, the
 * entries at TABLE + `functions` and the records behind them, where each form has them.
 */
static void table_put(struct image *im, uint32_t magic, bool has_text, uint64_t text)
{
	bool is_old = magic == 0xfffffffb, is_wide = is_old || magic == 0xfffffffa;
	uint64_t functions = is_old ? 16 : 0x180, word = is_wide ? 8 : 4;
	uint64_t names = is_old ? 0x100 : 0, records = is_old ? 0x80 : 0x40; /* what offsets say */
	uint64_t record = TABLE + (is_old ? 0x80 : 0x180 + 0x40), field = TABLE + 8;

	put(im, TABLE, magic, 4);
	put(im, TABLE + 6, 0x0801, 2);
	put(im, field, 2, 8);
	put(im, field += 8, 0, is_old ? 0 : 8); /* files */
	if (has_text)
		put(im, field += 8, text, 8);
	if (!is_old) {
		put(im, field += 8, 0x100, 8);
		put(im, field += 32, functions, 8);
	}
	memcpy(im->bytes + TABLE + 0x100, "alpha\0main.Foo[...]", 20);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t entry = (is_wide ? CODE : 0) + (i == 2 ? 0x180 : 0x100 + 0x40 * i);

		put(im, TABLE + functions + 2 * word * i, entry, word);
		if (i == 2)
			break;
		put(im, TABLE + functions + 2 * word * i + word, records + 0x10 * i, word);
		put(im, record + 0x10 * i, entry, word);
		put(im, record + 0x10 * i + word, names + 6 * i, 4);
	}
}

static struct symbols *image_open(const struct image *im)
{
	AUTO_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
	struct symbols *s = NULL;

	assert_int_equal(write(fd, im->bytes, sizeof(im->bytes)), sizeof(im->bytes));
	assert_int_equal(symbols_open(fd, NULL, &s, NULL), 0);
	return s;
}

static void expect_two_functions(const struct image *im)
{
	struct symbols *s = image_open(im);
	struct symbol found;
	const char *name;

	assert_true(symbols_is_go(s));
	assert_int_equal(symbols_find(s, "alpha", &found, NULL), 0);
	assert_int_equal(found.vaddr, CODE + 0x100);
	assert_int_equal(found.offset, CODE + 0x100);
	assert_int_equal(found.size, 0x38);
	assert_int_equal(found.origin, SYMBOL_GOPCLNTAB);
	assert_int_equal(symbols_find(s, "main.Foo[...]", &found, NULL), 0);
	assert_int_equal(found.vaddr, CODE + 0x140);
	assert_int_equal(found.size, 0x40);
	assert_int_equal(symbols_find(s, "Foo[...]", &found, NULL), -ENOENT);
	assert_int_equal(symbols_at(s, CODE + 0x17f, &found, &name), 0);
	assert_string_equal(name, "main.Foo[...]");
	assert_int_equal(symbols_at(s, CODE + 0x139, &found, &name), -ENOENT); /* padding */
	assert_int_equal(symbols_at(s, CODE + 0x180, &found, &name), -ENOENT);
	symbols_free(s);
}

static void go_functions_are_found_in_every_form_of_their_table(void **state)
{
	static const struct {
		uint32_t magic;
		bool has_text;
	} forms[] = {
		{ 0xfffffffb, false },
		{ 0xfffffffa, false },
		{ 0xfffffff0, true },
		{ 0xfffffff1, true },
	};
	struct image im;

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		image_init(&im);
		table_put(&im, forms[i].magic, forms[i].has_text, CODE);
		expect_two_functions(&im);
	}
}

static void the_text_of_go_1_26_is_taken_from_module_data_that_agrees(void **state)
{
	struct image im;
	struct symbols *s;
	struct symbol found;

	(void)state;
	image_init(&im);
	table_put(&im, 0xfffffff1, true, 0);
	put(&im, MODULE, TABLE, 8);
	put(&im, MODULE + 8 * 20, CODE + 0x100, 8);
	put(&im, MODULE + 8 * 21, CODE + 0x180, 8);
	put(&im, MODULE + 8 * 22, CODE, 8);
	expect_two_functions(&im);
	put(&im, MODULE + 8 * 21, CODE + 0x190, 8);
	s = image_open(&im);
	assert_int_equal(symbols_find(s, "alpha", &found, NULL), -EBADMSG);
	symbols_free(s);
}

static void a_go_table_of_an_unknown_form_is_refused_with_a_reason(void **state)
{
	struct symbols *s = open_file(CORPUS "go-unknown", NULL);
	struct symbol found;
	struct diag d = { .text = "" };

	(void)state;
	assert_int_equal(symbols_find(s, "alpha", &found, &d), -EBADMSG);
	assert_non_null(strstr(d.text, "form"));
	d.text[0] = 0;
	assert_int_equal(symbols_find(s, "alpha", &found, &d), -EBADMSG); /* also when asked again */
	assert_non_null(strstr(d.text, "form"));
	symbols_free(s);
}

static void the_version_of_go_is_read_from_both_forms_of_build_information(void **state)
{
	static const struct {
		const char *file, *version;
	} cases[] = {
		{ CORPUS "go-build-inline", "1.21.3" },
		{ CORPUS "go-build-pointer", "1.17.5" },
		{ CORPUS "go-build-inline-lies", NULL },
		{ CORPUS "go-build-pointer-wild", NULL },
		{ CORPUS "go-build-devel", NULL },
		{ CORPUS "go118", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct symbols *s = open_file(cases[i].file, NULL);

		assert_true(symbols_is_go(s));
		if (cases[i].version)
			assert_string_equal(symbols_go_version(s), cases[i].version);
		else
			assert_null(symbols_go_version(s));
		symbols_free(s);
	}
}

static void one_name_of_several_functions_names_two_of_them(void **state)
{
	struct symbols *s = open_file(CORPUS "cxx", NULL);
	struct symbol found;
	struct diag d;

	(void)state;
	assert_int_equal(symbols_find(s, "ns::Pool::acquire", &found, &d), -ENOTUNIQ);
	assert_non_null(strstr(d.text, "_ZN2ns4Pool7acquireEi"));
	assert_non_null(strstr(d.text, "_ZN2ns4Pool7acquireEv"));
	assert_int_equal(symbols_find(s, "ns::Pool::acquire(int)", &found, &d), 0);
	assert_int_equal(found.vaddr, 0x400);
	assert_int_equal(symbols_find(s, "ns::Pool::size", &found, &d), 0); /* neither clone nor thunk */
	assert_int_equal(found.vaddr, 0x4c0);
	symbols_free(s);
}

static void hostile_files_give_what_can_be_believed_and_nothing_more(void **state)
{
	static const struct {
		const char *file;
		int open_error, error;
		uint64_t vaddr; /* of alpha */
	} cases[] = {
		{ "symtab", 0, 0, 0x400 },
		{ "tail", 0, 0, 0x400 },
		{ "versions", 0, 0, 0x440 },
		{ "dynsym-versions", 0, 0, 0x440 },
		{ "local-and-global", 0, 0, 0x440 },
		{ "two-locals", 0, -ENOTUNIQ, 0 },
		{ "ifunc", 0, -ENOTSUP, 0 },
		{ "not-executable", 0, -ENOENT, 0 },
		{ "outside", 0, -ENOENT, 0 },
		{ "undefined", 0, -ENOENT, 0 },
		{ "symtab-outside", 0, -ENOENT, 0 },
		{ "symtab-size-lies", 0, -ENOENT, 0 },
		{ "symtab-wraps", 0, -ENOENT, 0 },
		{ "symtab-entsize-0", 0, -EBADMSG, 0 },
		{ "symtab-link-outside", 0, -EBADMSG, 0 },
		{ "symtab-link-itself", 0, -EBADMSG, 0 },
		{ "strtab-outside", 0, -EBADMSG, 0 },
		{ "strtab-empty", 0, -ENOENT, 0 },
		{ "no-nul", 0, -ENOENT, 0 },
		{ "name-outside", 0, -ENOENT, 0 },
		{ "shnum-lies", 0, -ENOENT, 0 },
		{ "shnum-0", 0, -ENOENT, 0 },
		{ "phnum-lies", -EBADMSG, 0, 0 },
		{ "segment-wraps", 0, -ENOENT, 0 },
		{ "segments-overlap", 0, 0, 0x400 },
		{ "go12", 0, 0, 0x400 },
		{ "go-pie", 0, 0, 0x400 },
		{ "go-no-section", 0, 0, 0x400 },
		{ "go-stripped-sections", 0, 0, 0x400 },
		{ "go126-pie", 0, 0, 0x400 },
		{ "go126-no-module-section", 0, 0, 0x400 },
		{ "go126-module-lies", 0, -EBADMSG, 0 },
		{ "go126-rela-lies", 0, -EBADMSG, 0 },
		{ "go126-many-lookalikes", 0, -EBADMSG, 0 },
		{ "go-nfunc-huge", 0, -EFBIG, 0 },
		{ "go-nfunc-lies", 0, -EBADMSG, 0 },
		{ "go-nfunc-0", 0, -EBADMSG, 0 },
		{ "go-names-outside", 0, -EBADMSG, 0 },
		{ "go-functions-outside", 0, -EBADMSG, 0 },
		{ "go-tables-overlap", 0, -EBADMSG, 0 },
		{ "go-name-outside", 0, -ENOENT, 0 },
		{ "go-name-negative", 0, -ENOENT, 0 },
		{ "go-record-outside", 0, -ENOENT, 0 },
		{ "go-record-wraps", 0, -EBADMSG, 0 },
		{ "go-text-outside", 0, -EBADMSG, 0 },
		{ "go-text-wraps", 0, -EBADMSG, 0 },
		{ "go-cut", 0, -EBADMSG, 0 },
		{ "go-many-headers", 0, -ENOENT, 0 },
		{ "empty", -ENOEXEC, 0, 0 },
		{ "magic", -ENOEXEC, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct symbol found = { .vaddr = 0 };
		struct symbols *s = NULL;
		char path[128];
		int fd, open_error, error = 0;

		snprintf(path, sizeof(path), CORPUS "%s", cases[i].file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		open_error = symbols_open(fd, NULL, &s, NULL);
		if (!open_error)
			error = symbols_find(s, "alpha", &found, NULL);
		if (open_error != cases[i].open_error || error != cases[i].error ||
		    found.vaddr != cases[i].vaddr)
			fail_msg("%s: %d, %d, 0x%llx", cases[i].file, open_error, error,
				 (unsigned long long)found.vaddr);
		symbols_free(s);
		close(fd);
	}
}

static void a_size_that_reaches_out_of_the_code_is_unknown(void **state)
{
	struct symbols *s = open_file(CORPUS "size-huge", NULL);
	struct symbol found;
	const char *name;

	(void)state;
	assert_int_equal(symbols_find(s, "alpha", &found, NULL), 0);
	assert_int_equal(found.size, 0);
	assert_int_equal(symbols_at(s, 0x430, &found, &name), 0); /* so alpha reaches to beta */
	assert_string_equal(name, "alpha");
	symbols_free(s);
}

static void build_id_and_soname_are_absent_when_they_lie(void **state)
{
	static const char *const files[] = { "notes-lie",      "notes-name-lies", "notes-long",
					     "soname-outside", "soname-wild",     "soname-no-nul" };
	struct symbols *s;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char path[128];

		snprintf(path, sizeof(path), CORPUS "%s", files[i]);
		s = open_file(path, NULL);
		assert_null(symbols_build_id(s));
		assert_null(symbols_soname(s));
		symbols_free(s);
	}
	s = open_file(CORPUS "soname", NULL);
	assert_string_equal(symbols_soname(s), "libpool.so.1");
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_of_this_program_is_found_and_its_address_names_it),
		cmocka_unit_test(a_data_symbol_is_found_but_is_no_function),
		cmocka_unit_test(
			exported_functions_of_libc_lie_where_the_dynamic_linker_finds_them),
		cmocka_unit_test(the_build_id_is_the_one_that_readelf_prints),
		cmocka_unit_test(code_is_read_only_from_executable_segments),
		cmocka_unit_test(
			a_debug_file_counts_only_with_the_same_build_id_and_inside_the_root),
		cmocka_unit_test(a_cxx_name_is_met_with_and_without_its_parameters),
		cmocka_unit_test(a_cxx_name_that_would_grow_without_bound_is_left_out),
		cmocka_unit_test(go_functions_are_found_in_every_form_of_their_table),
		cmocka_unit_test(the_text_of_go_1_26_is_taken_from_module_data_that_agrees),
		cmocka_unit_test(a_go_table_of_an_unknown_form_is_refused_with_a_reason),
		cmocka_unit_test(the_version_of_go_is_read_from_both_forms_of_build_information),
		cmocka_unit_test(one_name_of_several_functions_names_two_of_them),
		cmocka_unit_test(hostile_files_give_what_can_be_believed_and_nothing_more),
		cmocka_unit_test(a_size_that_reaches_out_of_the_code_is_unknown),
		cmocka_unit_test(build_id_and_soname_are_absent_when_they_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
