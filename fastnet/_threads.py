"""How many threads may work, and rows shared out to threads that live for one call."""

import os
import threading

from fastnet._core import profile


def processors():
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_rows(m, threads, work):
    """Call work(start, stop) for `threads` nearly equal parts of m rows, side by side; raise what any raised."""
    bounds = [m * share // threads for share in range(threads + 1)]
    errors = []
    recorder = profile.recorder()

    def part(share):
        try:
            work(bounds[share], bounds[share + 1])
        except BaseException as error:      # a thread's exception would otherwise be printed and lost
            errors.append(error)

    def watched(share):
        of_thread = recorder.child_of(share - 1)
        of_thread.work_for()
        try:
            part(share)
        finally:
            of_thread.work_done()

    target = part if recorder is None else watched
    others = [threading.Thread(target=target, args=(share,)) for share in range(1, threads)]
    for thread in others:
        thread.start()
    part(0)
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
