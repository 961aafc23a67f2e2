/* Chooses the instruction level at run time.  No ifunc: the same code works with gcc and clang,
 * glibc and musl, in shared and static libraries. */
#include "fastnet_kernels.h"
#include "targets.h"

#include <stdlib.h>
#include <string.h>

#define DECLARE_LEVEL(level)                                     \
    extern const fastnet_kernels_f32 fastnet_kernels_f32_##level; \
    extern const fastnet_kernels_f64 fastnet_kernels_f64_##level;

DECLARE_LEVEL(baseline)
#if FASTNET_X86_LEVELS
DECLARE_LEVEL(avx2)
DECLARE_LEVEL(avx512)
#endif

const fastnet_kernels_f32 *fastnet_f32 = &fastnet_kernels_f32_baseline;
const fastnet_kernels_f64 *fastnet_f64 = &fastnet_kernels_f64_baseline;

const fastnet_kernels_f32 *fastnet_half_f32 = &fastnet_kernels_f32_baseline;
const fastnet_kernels_f64 *fastnet_half_f64 = &fastnet_kernels_f64_baseline;

static int level_in_use = 0;

static const struct {
    const char *name;
    const fastnet_kernels_f32 *f32;
    const fastnet_kernels_f64 *f64;
} levels[] = {
    {"baseline", &fastnet_kernels_f32_baseline, &fastnet_kernels_f64_baseline},
#if FASTNET_X86_LEVELS
    {"avx2", &fastnet_kernels_f32_avx2, &fastnet_kernels_f64_avx2},
    {"avx512", &fastnet_kernels_f32_avx512, &fastnet_kernels_f64_avx512},
#endif
};

int fastnet_n_levels(void)
{
#if FASTNET_X86_LEVELS
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
        return 1;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")))
        return 2;
    return 3;
#else
    return 1;
#endif
}

const char *fastnet_level_name(int level)
{
    return level >= 0 && level < fastnet_n_levels() ? levels[level].name : NULL;
}

int fastnet_level(void)
{
    return level_in_use;
}

int fastnet_select_level(int level)
{
    if (level < 0 || level >= fastnet_n_levels())
        return -1;
    const int half = level == 2 ? 1 : level;
    fastnet_f32 = levels[level].f32;
    fastnet_f64 = levels[level].f64;
    fastnet_half_f32 = levels[half].f32;
    fastnet_half_f64 = levels[half].f64;
    level_in_use = level;
    return 0;
}

const fastnet_kernels_f32 *fastnet_f32_at(int level)
{
    return levels[level].f32;
}

const fastnet_kernels_f64 *fastnet_f64_at(int level)
{
    return levels[level].f64;
}

int fastnet_level_wanted(const char *name)
{
    const int n = fastnet_n_levels();
    for (int level = 0; name && level < n; level++)
        if (strcmp(name, levels[level].name) == 0)
            return level;
    return name && *name ? -1 : n - 1;
}

#ifdef FASTNET_STANDALONE
/* Without Python nobody else would select a level: done before main, or when the library is loaded, and
 * so before there are threads.  What FASTNET_CPU names and this processor lacks, fastnet_open reports. */
__attribute__((constructor)) static void select_at_start(void)
{
    const int level = fastnet_level_wanted(getenv("FASTNET_CPU"));
    fastnet_select_level(level < 0 ? fastnet_n_levels() - 1 : level);
}
#endif

const char *fastnet_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "other";
#endif
}

const char *fastnet_compile_flags(void)
{
#ifdef FASTNET_COMPILE_FLAGS
    return FASTNET_COMPILE_FLAGS;
#else
    return "unknown";
#endif
}

#define ACTIVATION_NAME_ENTRY(name, kind) #name,
#define NAME_ENTRY(name) #name,

fastnet_users_activation fastnet_users[FASTNET_MAX_USERS];

const char *fastnet_activation_name(int code)
{
    static const char *const names[] = {FASTNET_ACTIVATIONS(ACTIVATION_NAME_ENTRY)};
    return code >= 0 && code < FASTNET_N_ACTIVATIONS ? names[code] : NULL;
}

const char *fastnet_cost_name(int code)
{
    static const char *const names[] = {FASTNET_COSTS(NAME_ENTRY)};
    return code >= 0 && code < FASTNET_N_COSTS ? names[code] : NULL;
}

#define OPTIMIZER_NAME(name, states) #name,
#define OPTIMIZER_STATES(name, states) states,

const char *fastnet_optimizer_name(int code)
{
    static const char *const names[] = {FASTNET_OPTIMIZERS(OPTIMIZER_NAME)};
    return code >= 0 && code < FASTNET_N_OPTIMIZERS ? names[code] : NULL;
}

int fastnet_optimizer_states(int code)
{
    static const int states[] = {FASTNET_OPTIMIZERS(OPTIMIZER_STATES)};
    return code >= 0 && code < FASTNET_N_OPTIMIZERS ? states[code] : -1;
}
