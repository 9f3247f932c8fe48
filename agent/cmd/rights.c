/* SPDX-License-Identifier: MIT */
/*
 * rights.c - see rights.h. The surprise: root without capabilities is still the owner of root's files, so a root agent writes its recordings and removes its
 * socket as before; only what another user owns is beyond it then.
 */
#include "cmd/rights.h"

#include <errno.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static void cleanup_caps(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

/* Takes over into `to` what `from` has of it. */
static int keep(cap_t from, cap_t to, cap_value_t which)
{
	cap_flag_value_t is_set = CAP_CLEAR;

	if (cap_get_flag(from, which, CAP_PERMITTED, &is_set))
		return 0; /* the library is older than the capability */
	if (is_set != CAP_SET)
		return 0;
	/* the process that looks at stacks is a program of its own, and of a user other than root has what it inherits */
	if (!cap_get_flag(from, which, CAP_INHERITABLE, &is_set) && is_set == CAP_SET &&
	    cap_set_flag(to, CAP_INHERITABLE, 1, &which, CAP_SET))
		return -errno;
	if (cap_set_flag(to, CAP_PERMITTED, 1, &which, CAP_SET) ||
	    cap_set_flag(to, CAP_EFFECTIVE, 1, &which, CAP_SET))
		return -errno;
	return 0;
}

static bool is_of_another(const char *folder)
{
	struct stat st;

	return folder && *folder && !stat(folder, &st) && st.st_uid != geteuid();
}

int rights_give_up(bool needs_admin, const char *const *folders)
{
	static const cap_value_t needed[] = { CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE,
					      CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE };
	CLEANUP(cleanup_caps) cap_t has = cap_get_proc();
	CLEANUP(cleanup_caps) cap_t kept = cap_init();
	bool has_foreign = false;
	int error = has && kept ? 0 : -ENOMEM;

	for (; folders && *folders; folders++)
		has_foreign |= is_of_another(*folders);
	for (size_t i = 0; !error && i < sizeof(needed) / sizeof(*needed); i++)
		error = keep(has, kept, needed[i]);
	if (!error && needs_admin)
		error = keep(has, kept, CAP_SYS_ADMIN);
	if (!error && has_foreign)
		error = keep(has, kept, CAP_DAC_OVERRIDE);
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		error = -errno;
	if (!error && cap_set_proc(kept))
		error = -errno;
	return error;
}
