/* Opens the net in argv[1]; one thread, then eight at once, argv[2] turns each, evaluate and differentiate it.
 * With -DCOUNT, and malloc and its like wrapped by the linker, no call may allocate.  Exit code 1 if a bit differs. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastnet.h"

enum { THREADS = 8, M = 7, N_IN = 8, N_OUT = 3, VALUES = N_OUT + N_OUT * N_IN + N_OUT + N_IN };

static atomic_long allocations;

#ifdef COUNT
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n) { allocations++; return __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { allocations++; return __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { allocations++; return __real_realloc(p, n); }
void __wrap_free(void *p) { allocations++; __real_free(p); }
#endif

typedef struct {
    const fastnet_net *net;
    void *workspace;
    int turns;
    double out[M * VALUES];      /* floats fit too */
} job;

#define EVALUATE(REAL, P)                                                                          \
    static void evaluate_##P(job *j)                                                               \
    {                                                                                              \
        REAL x[M * N_IN], u[M * N_OUT], *out = (REAL *)j->out;                                     \
        for (int i = 0; i < M * N_IN; i++)                                                         \
            x[i] = (REAL)(i * 7919 % 17) / 8 - 1;                                                  \
        for (int i = 0; i < M * N_OUT; i++)                                                        \
            u[i] = (REAL)(i % 3) - 1;                                                              \
        fastnet_value_and_jacobian_##P(j->net, M, x, out, out + M * N_OUT, j->workspace);          \
        fastnet_jvp_##P(j->net, M, x, x, out + M * (N_OUT + N_OUT * N_IN), j->workspace);          \
        fastnet_vjp_##P(j->net, M, x, u, out + M * (2 * N_OUT + N_OUT * N_IN), j->workspace);      \
        fastnet_eval_##P(j->net, 1, x, out, j->workspace);                                         \
    }
EVALUATE(float, f32)
EVALUATE(double, f64)

static void *work(void *argument)
{
    job *j = argument;
    for (int i = 0; i < j->turns; i++)
        (fastnet_net_precision(j->net) == FASTNET_F32 ? evaluate_f32 : evaluate_f64)(j);
    return NULL;
}

int main(int argc, char **argv)
{
    static job alone, jobs[THREADS];
    pthread_t threads[THREADS];
    fastnet_net *net = NULL;
    int same = argc == 3;
    if (!same || fastnet_open(argv[1], &net)) {
        fprintf(stderr, "%s\n", fastnet_open_message());
        return 1;
    }
    const size_t bytes = fastnet_net_precision(net) == FASTNET_F32 ? fastnet_workspace_size_f32(net, M)
                                                                   : fastnet_workspace_size_f64(net, M);
    alone = (job){.net = net, .workspace = malloc(bytes), .turns = 1};
    const long before = allocations;
    work(&alone);
    const long during = allocations - before;
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.net = net, .workspace = malloc(bytes), .turns = atoi(argv[2])};
        same = same && pthread_create(threads + i, NULL, work, jobs + i) == 0;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        same = same && memcmp(jobs[i].out, alone.out, sizeof alone.out) == 0;
        free(jobs[i].workspace);
    }
    free(alone.workspace);
    fastnet_close(net);
    fastnet_close(NULL);
    printf("%d threads: %s, %ld allocations\n", THREADS, same ? "the same bits" : "DIFFERENT", during);
    return !(same && during == 0);
}
