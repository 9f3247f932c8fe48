/* SPDX-License-Identifier: MIT */
/*
 * classic.c - see classic.h. The surprise: there is no table of bounds. They are powers of two, so the one list of them is where they begin and how
 * far apart they are, and floating point has each of them exactly.
 */
#include "base/classic.h"

#include <math.h>

#include "bpf/abi.h"

#define FIRST_EXP (-20)
#define STEP_EXP 2

double classic_bound(unsigned int i)
{
	return i < N_LE ? exp2(FIRST_EXP + (int)i * STEP_EXP) : INFINITY;
}

unsigned int classic_of_s(double s)
{
	unsigned int i = 0;
	double bound = classic_bound(0);

	for (; i < N_LE && s > bound; i++)
		bound *= 1 << STEP_EXP;
	return i;
}

/* The bucket whose upper bound is 2^e is number 8 * (e - PS_HIST_MIN_EXP). */
unsigned int classic_of_bucket(unsigned int bucket)
{
	const unsigned int first = 8 * (FIRST_EXP - PS_HIST_MIN_EXP), step = 8 * STEP_EXP;
	unsigned int i = bucket <= first ? 0 : (bucket - first + step - 1) / step;

	return i < N_LE ? i : N_LE;
}
