/* SPDX-License-Identifier: MIT */
/*
 * host.c - see host.h. The surprise: the rights that count are those of the agent, not of who asks; so they are read from the agent's own file in
 * /proc, which anybody may.
 */
#include "cmd/host.h"

#include <errno.h>
#include <math.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/checks.h"
#include "config/config.h"

#define PATH_BYTES 512
#define LINE_BYTES 4096
#define TEXT_BYTES (256 << 10)	/* of a file; /proc/mounts of a host with many containers is long */
#define LEAST_MAJOR 5
#define LEAST_MINOR 15

/* The beginning of a file; an error is a negative errno. */
static int read_text(const char *root, const char *name, struct buffer *ret)
{
	char path[PATH_BYTES], chunk[LINE_BYTES];
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	while (ret->n < TEXT_BYTES && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0)
			return -errno;
		buffer_add(ret, chunk, (size_t)n);
	}
	buffer_add(ret, "", 0);
	return ret->error;
}

/* The first line of one. */
static int read_line(const char *root, const char *name, char *ret, size_t size)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };
	int r = read_text(root, name, &b);

	if (!r)
		text_clean(b.n ? b.data : "", b.n ? strcspn(b.data, "\n") : 0, ret, size);
	return r;
}

/* What follows the label at the beginning of a line, without blanks; NULL = there is none. Borrowed, to the end of the text. */
static const char *find_value(const struct buffer *b, const char *label)
{
	const char *at = b->n ? b->data : "";
	size_t n = strlen(label);

	while (*at) {
		if (!strncmp(at, label, n))
			return at + n + strspn(at + n, " \t");
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return NULL;
}

/* Of the agent in /proc, "self" where this process is meant. */
static void name_in_proc(const struct host *h, const char *file, char *ret, size_t size)
{
	if (h->agent_pid)
		snprintf(ret, size, "%d/%s", h->agent_pid, file);
	else
		snprintf(ret, size, "self/%s", file);
}

/* ---- the namespace of pids ------------------------------------------------------------------------------------------------- */

#define HOST_PIDS "pid:[4026531836]"	/* PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: part of its interface, the same on every host */

static bool has_other_pids(const char *proc, const char *file)
{
	char path[PATH_BYTES], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", proc, file);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false; /* it may not be seen, or this kernel has no such namespaces */
	target[n] = 0;
	return strcmp(target, HOST_PIDS) != 0;
}

int host_check_pids(const char *proc, struct diag *d)
{
	if (!has_other_pids(proc, "self/ns/pid"))
		return 0;
	return diag_set(d, -EXDEV, HOST_OTHER_PIDS "; " HOST_OTHER_PIDS_DO);
}

static void check_pids(const struct host *h, json_t *checks)
{
	char file[64];

	name_in_proc(h, "ns/pid", file, sizeof(file));
	if (has_other_pids(h->proc, file))
		checks_add(checks, "bad", "pid namespace", "the agent does not run here",
			   HOST_OTHER_PIDS_DO, HOST_OTHER_PIDS);
	else
		checks_add(checks, "ok", "pid namespace", NULL, NULL,
			   h->is_agent ? "the agent's is the host's" : "it is the host's");
}

/* ---- the kernel ------------------------------------------------------------------------------------------------------------ */

static bool is_before(const char *release, int major, int minor)
{
	int a = 0, b = 0;

	return sscanf(release, "%d.%d", &a, &b) == 2 && (a < major || (a == major && b < minor));
}

static void check_kernel(const struct host *h, json_t *checks)
{
	char release[LINE_BYTES];

	if (read_line(h->proc, "sys/kernel/osrelease", release, sizeof(release)))
		checks_add(checks, "look", "kernel", "it is not known whether it is new enough",
			   "uname -r: it must be 5.15 or later", "its release cannot be read");
	else if (is_before(release, LEAST_MAJOR, LEAST_MINOR))
		checks_add(checks, "bad", "kernel",
			   "the kernel side does not load, and no pool is seen",
			   "boot a kernel from 5.15 on", "%s, older than 5.15", release);
	else if (is_before(release, 6, 6))
		checks_add(checks, "ok", "kernel", NULL,
			   "one from 6.6 on attaches faster and with fewer rights", "%s", release);
	else
		checks_add(checks, "ok", "kernel", NULL, NULL, "%s", release);
}

static void check_btf(const struct host *h, json_t *checks)
{
	char path[PATH_BYTES], size[TEXT_NUMBER_BYTES];
	struct stat st;

	snprintf(path, sizeof(path), "%s/kernel/btf/vmlinux", h->sys);
	if (stat(path, &st))
		checks_add(
			checks, "bad", "BTF", "the kernel side does not load, and no pool is seen",
			"boot a kernel with CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are",
			"/sys/kernel/btf/vmlinux: %s", strerror(errno));
	else
		checks_add(checks, "ok", "BTF", NULL, NULL,
			   "/sys/kernel/btf/vmlinux, %s: the kernel describes its own types",
			   text_format_bytes((double)st.st_size, size));
}

static void check_jit(const struct host *h, json_t *checks)
{
	char value[LINE_BYTES];
	int r = read_line(h->proc, "sys/net/core/bpf_jit_enable", value, sizeof(value));

	if (r == -EACCES || r == -EPERM)
		checks_add(checks, "ok", "BPF compiler", NULL,
			   "sudo sysctl net.core.bpf_jit_enable shows it",
			   "cannot be seen by this user; most kernels always compile");
	else if (!r && value[0] == '0')
		checks_add(checks, "look", "BPF compiler",
			   "each probe takes several times as long in the watched program",
			   "sudo sysctl net.core.bpf_jit_enable=1",
			   "off: programs are interpreted");
	else
		checks_add(checks, "ok", "BPF compiler", NULL, NULL,
			   "programs are compiled to machine code");
}

/* "none [integrity] confidentiality": the one in brackets is in force. */
static void check_lockdown(const struct host *h, json_t *checks)
{
	char line[LINE_BYTES], mode[64] = "?";
	int r = read_line(h->sys, "kernel/security/lockdown", line, sizeof(line));
	const char *at;

	if (r == -ENOENT) {
		checks_add(checks, "ok", "lockdown", NULL, NULL,
			   "this kernel has none, or none is on");
		return;
	}
	at = r ? NULL : strchr(line, '[');
	if (!at) {
		checks_add(checks, "look", "lockdown",
			   "it is not known whether programs may read the kernel's memory",
			   "sudo cat /sys/kernel/security/lockdown", "cannot be seen: %s",
			   r ? strerror(-r) : "it makes no sense");
		return;
	}
	snprintf(mode, sizeof(mode), "%.*s", (int)strcspn(at + 1, "]"), at + 1);
	if (strcmp(mode, "confidentiality") && strcmp(mode, "integrity") && strcmp(mode, "none"))
		checks_add(checks, "look", "lockdown",
			   "it is not known what of the kernel programs may read",
			   "man 7 kernel_lockdown", "a mode that is not known: %s", mode);
	else if (!strcmp(mode, "confidentiality"))
		checks_add(checks, "bad", "lockdown",
			   "the kernel refuses programs that read its memory: no pool is seen",
			   "boot with lockdown=integrity, or without lockdown=confidentiality",
			   "%s", mode);
	else
		checks_add(checks, "ok", "lockdown", NULL, NULL,
			   "%s: nothing that is needed is refused", mode);
}

/* ---- rights ---------------------------------------------------------------------------------------------------------------- */

/* What each is for, by the numbers of linux/capability.h. */
static const struct right {
	unsigned int number;
	const char *name;
	const char *without;	/* what is missing without it */
	bool is_needed;
} rights[] = {
	{ 39, "CAP_BPF", "the kernel side cannot be loaded", true },
	{ 38, "CAP_PERFMON", "no hook and no probe can be attached", true },
	{ 19, "CAP_SYS_PTRACE", "programs of other users are not looked into", false },
	{ 2, "CAP_DAC_READ_SEARCH", "files of other users' programs are not read", false },
	{ 40, "CAP_CHECKPOINT_RESTORE",
	  "files that were deleted or are in other containers are not read", false },
};
#define CAP_SYS_ADMIN_NUMBER 21
#define BESIDES_SHOWN 4

/* The missing ones, by name and by what that means; returns whether one is needed. */
static bool list_missing(uint64_t has, struct buffer *names, struct buffer *means)
{
	bool is_needed = false;

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		const struct right *r = &rights[i];
		/* what CAP_BPF and CAP_PERFMON are for was its part before, and still is */
		bool is_there = has >> r->number & 1 ||
				((r->number >= 38) && has >> CAP_SYS_ADMIN_NUMBER & 1);

		if (is_there)
			continue;
		is_needed |= r->is_needed;
		buffer_printf(names, "%s%s", names->n ? ", " : "", r->name);
		buffer_printf(means, "%s%s", means->n ? "; " : "", r->without);
	}
	return is_needed;
}

static bool is_needed_right(unsigned int number)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (rights[i].number == number)
			return true;
	return false;
}

/* What it holds beyond those, by name; an agent that runs gives up what only its start needed. */
static void list_besides(uint64_t has, struct buffer *ret)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 64; i++) {
		char *name =
			has >> i & 1 && !is_needed_right(i) ? cap_to_name((cap_value_t)i) : NULL;

		if (name && ++n <= BESIDES_SHOWN)
			buffer_printf(ret, "%s%s", ret->n ? ", " : "", name);
		cap_free(name);
	}
	if (n > BESIDES_SHOWN)
		buffer_printf(ret, " and %u more", n - BESIDES_SHOWN);
}

/* As bits, the effective ones; false: they cannot be seen. */
static bool read_rights(const struct host *h, uint64_t *ret)
{
	CLEANUP(buffer_done) struct buffer status = { 0 };
	const char *value = NULL;
	char file[64];

	name_in_proc(h, "status", file, sizeof(file));
	if (!read_text(h->proc, file, &status))
		value = find_value(&status, "CapEff:");
	if (value)
		*ret = strtoull(value, NULL, 16);
	return value;
}

static void check_rights(const struct host *h, json_t *checks)
{
	CLEANUP(buffer_done) struct buffer names = { 0 };
	CLEANUP(buffer_done) struct buffer means = { 0 };
	CLEANUP(buffer_done) struct buffer besides = { 0 };
	const char *whose = h->is_agent ? "the agent" : "this user";
	bool is_needed;
	uint64_t has;
	char file[64];

	if (!read_rights(h, &has)) {
		name_in_proc(h, "status", file, sizeof(file));
		checks_add(checks, "look", "capabilities", "what the agent may do is not known",
			   "ask where the agent runs, or as root", "cannot be seen: %s/%s", h->proc,
			   file);
		return;
	}
	is_needed = list_missing(has, &names, &means);
	list_besides(has, &besides);
	if (!names.n)
		checks_add(checks, "ok", "capabilities", NULL, NULL,
			   "%s has all that are needed, and besides: %s", whose,
			   besides.n ? besides.data : "none");
	else if (!h->is_agent)
		checks_add(
			checks, "look", "capabilities",
			"commands of this user need an agent that runs",
			"sudo poolscope doctor, or start the agent: sudo systemctl start poolscope",
			"%s does not have %s", whose, names.data);
	else
		checks_add(checks, is_needed ? "bad" : "look", "capabilities", means.data,
			   "give it them (AmbientCapabilities= of its unit), or run it as root",
			   "%s does not have %s", whose, names.data);
}

/* Debian and Ubuntu have a level above 2 at which CAP_PERFMON is not enough; seen on Debian's 6.1, 6.12 and 7.3. */
static void check_sampling(const struct host *h, json_t *checks)
{
	char level[LINE_BYTES];
	uint64_t has = 0;

	if (read_line(h->proc, "sys/kernel/perf_event_paranoid", level, sizeof(level)))
		checks_add(checks, "ok", "sampling", NULL, NULL, "its limit cannot be seen here");
	else if (atoi(level) > 2 && !(read_rights(h, &has) && has >> CAP_SYS_ADMIN_NUMBER & 1))
		checks_add(
			checks, "look", "sampling",
			"a holder that computes while it is looked at is shown without its present stack",
			"sudo sysctl kernel.perf_event_paranoid=2, and in /etc/sysctl.d to keep it; or leave it: all else is as it would be",
			"kernel.perf_event_paranoid is %s, at which threads on a CPU are sampled by CAP_SYS_ADMIN alone",
			level);
	else
		checks_add(checks, "ok", "sampling", NULL, NULL,
			   "threads on a CPU can be sampled (kernel.perf_event_paranoid is %s)",
			   level);
}

static void check_memlock(const struct host *h, json_t *checks)
{
	CLEANUP(buffer_done) struct buffer limits = { 0 };
	char file[64], release[LINE_BYTES] = "", shown[TEXT_NUMBER_BYTES];
	const char *value = NULL;
	unsigned long long bytes;
	bool is_old;

	name_in_proc(h, "limits", file, sizeof(file));
	if (!read_text(h->proc, file, &limits))
		value = find_value(&limits, "Max locked memory");
	read_line(h->proc, "sys/kernel/osrelease", release, sizeof(release));
	is_old = is_before(release, 5, 11);
	bytes = value ? strtoull(value, NULL, 10) : 0;
	if (!value)
		snprintf(shown, sizeof(shown), "cannot be seen");
	else if (!strncmp(value, "unlimited", strlen("unlimited")))
		snprintf(shown, sizeof(shown), "unlimited");
	else
		text_format_bytes((double)bytes, shown);
	if (is_old && strcmp(shown, "unlimited") != 0)
		checks_add(checks, "bad", "memlock", "the tables of the kernel side find no memory",
			   "ulimit -l unlimited, or LimitMEMLOCK=infinity in the agent's unit",
			   "%s; before 5.11 the kernel counts BPF's tables against it", shown);
	else
		checks_add(
			checks, "ok", "memlock", NULL, NULL,
			"%s; not needed: since 5.11 BPF's tables count as memory of the agent's cgroup",
			shown);
}

/* ---- what else ------------------------------------------------------------------------------------------------------------- */

static void check_tracefs(const struct host *h, json_t *checks)
{
	CLEANUP(buffer_done) struct buffer mounts = { 0 };
	bool is_trace = false, is_debug = false;

	if (!read_text(h->proc, "mounts", &mounts) && mounts.n) {
		is_trace = strstr(mounts.data, " tracefs ");
		is_debug = strstr(mounts.data, " debugfs ");
	}
	checks_add(
		checks, "ok", "debugfs and tracefs", NULL, NULL,
		"debugfs is %s, tracefs is %s; not needed: hooks are found by BTF, probes are attached by file and offset",
		is_debug ? "mounted" : "not mounted", is_trace ? "mounted" : "not mounted");
}

static bool is_slow_clock(const char *name)
{
	static const char *const slow[] = { "hpet", "acpi_pm", "jiffies", "refined-jiffies",
					    "pit" };

	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++)
		if (!strcmp(name, slow[i]))
			return true;
	return false;
}

static void check_clock(const struct host *h, json_t *checks)
{
	char name[LINE_BYTES];

	if (read_line(h->sys, "devices/system/clocksource/clocksource0/current_clocksource", name,
		      sizeof(name)))
		checks_add(checks, "ok", "clock", NULL, NULL, "which one cannot be seen here");
	else if (is_slow_clock(name))
		checks_add(
			checks, "look", "clock",
			"each event takes a microsecond more to be stamped, in the watched program",
			"if /sys/devices/system/clocksource/clocksource0/available_clocksource has a better one (tsc), write that into current_clocksource; else see dmesg for why it was given up",
			"%s, which is slow to read", name);
	else
		checks_add(checks, "ok", "clock", NULL, NULL, "%s", name);
}

/* Unix time at which the agent began; 0 = not known. */
static double began_at(const struct host *h)
{
	CLEANUP(buffer_done) struct buffer stat = { 0 };
	CLEANUP(buffer_done) struct buffer boot = { 0 };
	unsigned long long ticks = 0;
	char file[64];
	const char *at, *btime;

	name_in_proc(h, "stat", file, sizeof(file));
	if (!h->agent_pid || read_text(h->proc, file, &stat) || !stat.n ||
	    read_text(h->proc, "stat", &boot))
		return 0;
	at = strrchr(stat.data, ')'); /* the name may have blanks and brackets in it */
	btime = find_value(&boot, "btime");
	if (!at || !btime ||
	    sscanf(at + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ticks) != 1)
		return 0;
	return strtod(btime, NULL) + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void check_config(const struct host *h, json_t *checks)
{
	const char *path = h->config ? h->config : CONFIG_FILE;
	CLEANUP(config_done) struct config config = { 0 };
	double began = began_at(h), read = fmax(began, h->config_read_s);
	struct diag d = { 0 };
	struct stat st;
	int r;

	if (stat(path, &st)) {
		bool is_default = !strcmp(path, CONFIG_FILE) && errno == ENOENT;

		checks_add(checks, is_default ? "ok" : "look", "configuration",
			   is_default ? NULL : "it is not known what holds",
			   is_default ? NULL : "look at it as root, or give its place by --config",
			   is_default ? "there is no %s: the defaults hold%s%s"
				      : "%s cannot be seen%s%s",
			   path, is_default ? "" : ": ", is_default ? "" : strerror(errno));
		return;
	}
	r = config_read(path, &config, &d);
	if (r && access(path, R_OK))
		checks_add(checks, "look", "configuration", "it is not known whether it is right",
			   "sudo poolscope run --check-config", "%s may not be read by this user",
			   path);
	else if (r)
		checks_add(
			checks, "bad", "configuration", "an agent that begins with it ends at once",
			"mend that line; `poolscope run --check-config` tells when it is good; the keys are in poolscope.conf(5)",
			"%s:%u: %s", path, d.line, d.text[0] ? d.text : strerror(-r));
	else if (began > 0 && (double)st.st_mtime > read + 1)
		checks_add(checks, "look", "configuration",
			   "the agent goes on with what it read before",
			   "sudo systemctl reload poolscope",
			   "%s has changed since the agent read it", path);
	else
		checks_add(checks, "ok", "configuration", NULL, NULL, "%s is good", path);
}

json_t *host_checks(const struct host *h)
{
	json_t *checks = json_array();

	check_kernel(h, checks);
	check_pids(h, checks);
	check_btf(h, checks);
	check_jit(h, checks);
	check_lockdown(h, checks);
	check_rights(h, checks);
	check_sampling(h, checks);
	check_memlock(h, checks);
	check_tracefs(h, checks);
	check_clock(h, checks);
	check_config(h, checks);
	return checks;
}
