/* Where time goes: readings of a clock between two operations, added up per operation and layer.
 *
 * A table belongs to one thread and to whoever asked for it; NULL where nobody did, and kernels then run
 * code without a reading in it (the constant TIMED of minibatch.inc and its like).  A reading costs ten to
 * twenty nanoseconds.  Where that would be more than FASTNET_MOST of a step, steps are timed in bursts and
 * the others only counted: what a burst took stands for them. */
#ifndef FASTNET_PROFILE_H
#define FASTNET_PROFILE_H

#include "fastnet_kernels.h"

/* Every operation, in the order of its code: X(name).  docs/profiling.md describes them. */
#define FASTNET_OPERATIONS(X)                                                                           \
    X(gather)       /* inputs found, copied, changed by noise or dropout, turned round */               \
    X(forward)      /* z = w a + b */                                                                   \
    X(activation)   /* a = sigma(z) */                                                                  \
    X(dropout)                                                                                          \
    X(output_delta) /* cost and BP1 */                                                                  \
    X(bp2)          /* w' delta */                                                                      \
    X(prime)        /* times sigma'(z) */                                                               \
    X(bp3)                                                                                              \
    X(bp4)          /* in plain gradient descent straight into the weights */                           \
    X(bp2_bp4)      /* one sample a step: both in one pass over the weights */                          \
    X(bp4_forward)  /* one sample a step: BP4 of one and z of the next in one pass over the weights */  \
    X(update)       /* from the gradient to the weights: clipping, optimizer, max-norm */               \
    X(barrier)      /* waiting for other threads */                                                     \
    X(cost)         /* without BP1 */                                                                   \
    X(outputs)      /* copied to where they belong */                                                   \
    X(slopes)       /* sigma'(z) kept, and directions times it */                                       \
    X(push)         /* directions through w, upwards */                                                 \
    X(pull)         /* directions through w', downwards */                                              \
    X(step)         /* a step's own bookkeeping */                                                      \
    X(pack)         /* weights into panels */                                                           \
    X(unpack)

#define FASTNET_OPERATION_CODE(name) FASTNET_OP_##name,
enum { FASTNET_OPERATIONS(FASTNET_OPERATION_CODE) FASTNET_N_OPERATIONS };
#undef FASTNET_OPERATION_CODE

enum { FASTNET_BURST = 16 };        /* steps that are timed in a row */
#define FASTNET_MOST 0.03           /* of a step's time may be readings; bench/profiling.py shows what they cost */

typedef struct {
    uint64_t calls, ticks;
} fastnet_cell;

/* One operation as it happened. */
typedef struct {
    uint64_t start;
    uint32_t ticks;
    uint16_t operation, layer;
} fastnet_event;

struct fastnet_profile {
    size_t n_layers;
    fastnet_cell *cell;             /* (FASTNET_N_OPERATIONS, n_layers) */
    fastnet_event *event;           /* (room,) the last ones, in turn; room is a power of 2, or 0: none are kept */
    uint64_t room, events;
    double reading;                 /* ticks that a reading costs */
    uint64_t last;                  /* when the operation under way began */
    uint64_t entered, inside;       /* when this stretch began; ticks of all stretches before it */
    uint64_t steps, samples;        /* seen, and of those: */
    uint64_t timed_steps, timed_samples;
    uint64_t laps;                  /* readings that ended an operation */
    uint64_t place, period;         /* of a period's steps the first FASTNET_BURST are timed */
    uint64_t burst_began, burst_laps;
};

#if defined(__x86_64__) || defined(_M_X64)
/* The time-stamp counter: constant since 2008, the same on every core. */
static inline uint64_t fastnet_ticks(void)
{
    return __builtin_ia32_rdtsc();
}
#else
#include <time.h>
static inline uint64_t fastnet_ticks(void)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &now);
#else
    timespec_get(&now, TIME_UTC);      /* C11 has no clock that is never set */
#endif
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
#endif

/* The operation that ends here: what has passed since the last one ended is its time. */
static inline void fastnet_lap(fastnet_profile *profile, int operation, size_t layer)
{
    const uint64_t now = fastnet_ticks(), ticks = now - profile->last;
    fastnet_cell *cell = profile->cell + (size_t)operation * profile->n_layers + layer;
    cell->calls++;
    cell->ticks += ticks;
    if (profile->room) {
        fastnet_event *event = profile->event + (profile->events++ & (profile->room - 1));
        event->start = profile->last;
        event->ticks = ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
        event->operation = (uint16_t)operation;
        event->layer = (uint16_t)layer;
    }
    profile->laps++;
    profile->last = now;
}

/* A stretch of steps begins: a burst under way goes on as if no time had passed since its last reading. */
static inline void fastnet_enter(fastnet_profile *profile)
{
    const uint64_t now = fastnet_ticks();
    profile->burst_began += now - profile->last;
    profile->entered = profile->last = now;
}

static inline void fastnet_leave(fastnet_profile *profile)
{
    profile->inside += fastnet_ticks() - profile->entered;
}

/* How many steps a period has, from what a burst of them took. */
static inline uint64_t fastnet_period(const fastnet_profile *profile)
{
    const double readings = (double)(profile->laps - profile->burst_laps) * profile->reading;
    const double work = (double)(profile->last - profile->burst_began) - readings;
    const double share = readings / (work > readings / 8 ? work : readings / 8);
    return (uint64_t)(FASTNET_BURST * (share > FASTNET_MOST ? share / FASTNET_MOST : 1));
}

/* A step on m samples begins; returns whether its operations are timed. */
static inline int fastnet_step_begins(fastnet_profile *profile, size_t m)
{
    if (profile->place == FASTNET_BURST)
        profile->period = fastnet_period(profile);
    if (profile->place >= profile->period) {
        profile->place = 0;
        profile->burst_began = profile->last = fastnet_ticks();
        profile->burst_laps = profile->laps;
    }
    profile->steps++;
    profile->samples += m;
    if (profile->place++ >= FASTNET_BURST)
        return 0;
    profile->timed_steps++;
    profile->timed_samples += m;
    return 1;
}

/* Whether the step under way is timed. */
static inline int fastnet_timing(const fastnet_profile *profile)
{
    return profile && profile->place <= FASTNET_BURST;
}

/* Within a step: TIMED is a constant 0 in code that runs without a profile. */
#define LAP(TIMED, PROFILE, OPERATION, LAYER) \
    do {                                      \
        if (TIMED)                            \
            fastnet_lap(PROFILE, FASTNET_OP_##OPERATION, LAYER); \
    } while (0)

#endif
