/* SPDX-License-Identifier: MIT */
/*
 * faults.h - what goes wrong in a load, and the line about it in the world's list.
 */
#ifndef POOLSCOPE_SIM_FAULTS_H
#define POOLSCOPE_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

struct running;

/* Faults that happen to users of the pool begin after the first quarter of the run, while there are some left. */
bool fault_is_due(struct running *r);

/* True: the calling thread has to do one, and it has been written down. */
bool fault_take(struct running *r, const char *what, int64_t took_ns);

/* The thread of the faults that are scheduled; its argument is a struct running. */
void *faults_run(void *running);

#endif
