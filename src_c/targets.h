/* How a file is given an instruction set beyond the architecture's baseline.
 * gcc and clang on x86-64 only; with other compilers the baseline serves. */
#ifndef FASTNET_TARGETS_H
#define FASTNET_TARGETS_H

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__)) && !defined(FASTNET_BASELINE_ONLY)
#define FASTNET_X86_LEVELS 1
#else
#define FASTNET_X86_LEVELS 0
#endif

#if defined(__clang__)
#define FASTNET_TARGET_BEGIN_AVX2 \
    _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to = function)")
#define FASTNET_TARGET_BEGIN_AVX512 \
    _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512dq,avx512bw,avx512vl,avx2,fma\"))), apply_to = function)")
#define FASTNET_TARGET_END _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define FASTNET_TARGET_BEGIN_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define FASTNET_TARGET_BEGIN_AVX512 \
    _Pragma("GCC push_options")     \
    _Pragma("GCC target(\"avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512\")")
#define FASTNET_TARGET_END _Pragma("GCC pop_options")
#endif

#endif
