/* A barrier for threads that meet every few microseconds: they spin first, then let others run.
 *
 * Counting up and turning over (a sense-reversing barrier: J. Mellor-Crummey, M. Scott, Algorithms
 * for scalable synchronization on shared-memory multiprocessors, 1991).  All that was written
 * before it is seen by every thread after it. */
#ifndef FASTNET_BARRIER_H
#define FASTNET_BARRIER_H

#include "fastnet_kernels.h"

#if defined(_WIN32)
__declspec(dllimport) int __stdcall SwitchToThread(void);
#define FASTNET_YIELD() SwitchToThread()
#else
#include <sched.h>
#define FASTNET_YIELD() sched_yield()
#endif

#if defined(__x86_64__) || defined(_M_X64)
#define FASTNET_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define FASTNET_PAUSE() __asm__ volatile("yield")
#else
#define FASTNET_PAUSE() ((void)0)
#endif

enum {
    FASTNET_SPINS = 300,        /* pauses before the first yield: some microseconds */
    FASTNET_YIELDS = 64,        /* yields that count as another long wait: some 20 microseconds */
    FASTNET_CROWDED = 32        /* long waits after which it is time to ask whether threads gain anything */
};

/* Waits for all; returns 0, or how long it took beyond the spinning: 1 and more for every FASTNET_YIELDS. */
static inline unsigned fastnet_wait(fastnet_barrier *barrier)
{
    const unsigned threads = barrier->threads;         /* once all have arrived it may be changed */
    if (threads == 1)
        return 0;
    const unsigned turn = __atomic_load_n(&barrier->turn, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&barrier->turn, turn + 1, __ATOMIC_RELEASE);
        return 0;
    }
    for (unsigned spins = 0; spins < FASTNET_SPINS; spins++) {
        if (__atomic_load_n(&barrier->turn, __ATOMIC_ACQUIRE) != turn)
            return 0;
        FASTNET_PAUSE();
    }
    unsigned yields = 0;
    for (; __atomic_load_n(&barrier->turn, __ATOMIC_ACQUIRE) == turn; yields++)
        FASTNET_YIELD();
    return 1 + yields / FASTNET_YIELDS;
}

#endif
