"""How many threads may work, and rows shared out to threads that live for one call."""

import os
import threading

from fastnet._core import profile


def processors():
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_rows(m, threads, work):
    """Call work(start, stop, ended) for `threads` nearly equal parts of m rows, side by side; raise what any raised.

    `ended` is a list that stays empty until something is raised: nobody wants the other parts then, and they may stop.
    Ctrl-C is raised here once no thread works any more.
    """
    bounds = [m * share // threads for share in range(threads + 1)]
    finished = [threading.Event() for _ in range(threads)]
    errors = []
    recorder = profile.recorder()

    def part(share):
        try:
            work(bounds[share], bounds[share + 1], errors)
        except BaseException as error:      # a thread's exception would otherwise be printed and lost
            errors.append(error)
        finally:
            finished[share].set()

    def watched(share):
        of_thread = recorder.child_of(share - 1)
        of_thread.work_for()
        try:
            part(share)
        finally:
            of_thread.work_done()

    target = part if recorder is None else watched
    others = [threading.Thread(target=target, args=(share,)) for share in range(1, threads)]
    try:
        for thread in others:
            thread.start()
        part(0)
    except BaseException as error:
        errors.append(error)
    wait_for([(thread, end) for thread, end in zip(others, finished[1:]) if thread.ident is not None], errors)
    if errors:
        raise errors[0]


def wait_for(threads, errors):
    """Until all of them, (thread, its event), have ended, whatever interrupts the waiting: that is added to the errors.

    An interrupted `join` takes a thread for ended that is not (Python 3.11): hence the events.
    """
    try:
        for thread, finished in threads:
            finished.wait()
            thread.join()
    except BaseException as error:
        errors.append(error)
        wait_for(threads, errors)
