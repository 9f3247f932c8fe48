/* SPDX-License-Identifier: MIT */
/* running.h - a pool under load as load.c and faults.c share it. Nobody else includes this. */
#ifndef POOLSCOPE_SIM_RUNNING_H
#define POOLSCOPE_SIM_RUNNING_H

#include "tools/sim/load.h"
#include "tools/sim/mutex.h"
#include "tools/sim/pool.h"
#include "tools/sim/tcp.h"
#include "tools/sim/workers.h"

struct running {
	const struct load *load;
	struct world *world;
	struct running *behind; /* NULL = none */
	/* one of three, by load->item */
	struct pool pool;
	struct workers workers;
	struct mutex mutex;
	struct item the_lock; /* stands for the mutex */
	struct server *server; /* NULL unless the items are connections */
	struct returner *returner;
	pthread_t *thread;
	pthread_t housekeeper, director; /* 0 = none */
	unsigned int seed;
	uint32_t next_thread;
	bool is_over;
	pthread_mutex_t lock; /* of the next */
	uint32_t faults_left;
};

#endif
