/* SPDX-License-Identifier: MIT */
/*
 * looker.c - see looker.h. The surprise: it has no time limit of its own making but an alarm, which ends it; what was asked for then is lost,
 * and counted by the agent.
 */
#include "symbolize/looker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ANSWER_S 5	/* for one stack, with the files of its process */
#define IDLE_MS 30000	/* then what it knows is not worth its memory */
#define ADDRESS_BYTES (4ull << 30)	/* files are mapped */
#define MEMORY_BYTES (1ull << 30)	/* a file may hold compressed sections of any length */
#define NICE 5

static void limit_oneself(void)
{
	const struct rlimit addresses = { ADDRESS_BYTES, ADDRESS_BYTES },
			    memory = { MEMORY_BYTES, MEMORY_BYTES }, no_core = { 0, 0 };
	AUTO_FCLOSE FILE *first_to_go = fopen("/proc/self/oom_score_adj", "we");

	if (first_to_go) /* when the host is out of memory */
		fputs("1000", first_to_go);

	prctl(PR_SET_NAME, "poolscope-look");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setpriority(PRIO_PROCESS, 0, NICE);
	setrlimit(RLIMIT_AS, &addresses);
	setrlimit(RLIMIT_DATA, &memory);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of a terminal: the agent ends it */
	signal(SIGALRM, SIG_DFL);
}

int looker_run(const struct look_kernel *kernel)
{
	struct look *l = look_new(kernel);
	static struct stack answer;
	struct stack_of of;

	if (!l)
		return EXIT_FAILURE;
	limit_oneself();
	for (;;) {
		struct pollfd wait = { .fd = LOOKER_SOCKET, .events = POLLIN };

		if (!poll(&wait, 1, 0)) { /* what the process maps may be another thing next time */
			look_forget(l);
			if (!poll(&wait, 1, IDLE_MS))
				break;
		}
		if (recv(LOOKER_SOCKET, &of, sizeof(of), 0) != sizeof(of))
			break;
		alarm(ANSWER_S);
		look_at(l, &of, &answer);
		alarm(0);
		if (send(LOOKER_SOCKET, &answer, sizeof(answer), 0) != sizeof(answer))
			break;
	}
	look_free(l);
	return EXIT_SUCCESS;
}
