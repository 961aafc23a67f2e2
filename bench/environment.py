"""Threads and processors of a measurement; imported before NumPy, torch and jax, whose pools read this once.

FASTNET_BENCH_THREADS (1) and FASTNET_BENCH_CPUS (all that the process may use) are set by the scripts
for the processes that they start.
"""

import os

THREADS = int(os.environ.get("FASTNET_BENCH_THREADS", "1"))

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_name] = str(THREADS)
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if THREADS > 1 else 'false'}"
os.environ.setdefault("JAX_PLATFORMS", "cpu")


def cpus():
    """Processors that this process may use, in order; None where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    told = os.environ.get("FASTNET_BENCH_CPUS")
    return [int(cpu) for cpu in told.split(",")] if told else sorted(os.sched_getaffinity(0))


def pin(threads=THREADS):
    """Keep this process on its last `threads` processors; returns them, or None where that can't be done."""
    usable = cpus()
    if usable is None:
        return None
    os.environ["FASTNET_BENCH_CPUS"] = ",".join(map(str, usable))    # what processes started from here may use
    chosen = usable[-threads:]
    os.sched_setaffinity(0, chosen)
    return chosen


def for_threads(threads):
    """The environment of a process that measures with so many threads."""
    return {**os.environ, "FASTNET_BENCH_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
