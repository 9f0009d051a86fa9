/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A global interpreter lock, as CPython has one: held while computing, released around everything that
 * blocks, handed over every 5 ms when somebody else asks. One in each process; threads of a process share it.
 */
#ifndef CONCTRACE_WORKLOADS_GIL_H
#define CONCTRACE_WORKLOADS_GIL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GIL_INTERVAL_NS 5000000

struct gil {
	pthread_mutex_t lock;	     /* the GIL itself: those who want it sleep on it */
	pthread_mutex_t switch_lock; /* for the two below */
	pthread_cond_t switched;     /* somebody has taken it */
	uint64_t switches;	     /* how often it was taken */
	atomic_uint_fast64_t taken;  /* the same, to be read without a lock */
	atomic_bool drop_requested;  /* a waiter has waited for a whole interval */
};

void gil_init(struct gil *g);
void gil_destroy(struct gil *g);

/* Waits for the lock in steps of 5 ms, asking the holder to let go after each. Gives the ns it took. */
uint64_t gil_take(struct gil *g);
void gil_release(struct gil *g);

/* To be asked often while computing: costs one load. */
static inline bool gil_is_wanted(struct gil *g)
{
	return atomic_load_explicit(&g->drop_requested, memory_order_relaxed);
}

/* Lets go, waits until another thread has taken it, and takes it again. Gives the ns it took. */
uint64_t gil_hand_over(struct gil *g);

#endif
