"""Every workload, every side in turn within one process, pinned to one processor: a table, and JSON.

    python bench/run.py                          fastnet, its plain engine over BLAS, and the peers found here
    python bench/run.py --peers none             fastnet and its plain engine alone
    python bench/run.py --only online,call --dtype float32 --match "784, 30"
    python bench/run.py --json build/bench.json  for report.py and plot.py
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

import environment

import numpy as np

import choices
import fastnet as fn
import goals
import imports
import peers
import sides
import table
import timing
import workloads

KINDS = ("online", "minibatch", "call", "inference", "import", "threads")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(KINDS), type=choices.some_of(KINDS), help="kinds of work, separated by commas: " + ", ".join(KINDS))
    parser.add_argument("--match", default="", help="only work whose name holds this, such as '[784, 30, 10], batch 10'")
    parser.add_argument("--dtype", choices=["float32", "float64"], help="both if not given")
    parser.add_argument("--peers", default="all", type=choices.some_of(peers.OTHERS, "all", "none"), help=f"all, none, or some of {', '.join(peers.OTHERS)}")
    parser.add_argument("--repeats", type=int, default=timing.FULL.repeats, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=timing.FULL.seconds, help="of a turn")
    parser.add_argument("--cpu-time", action="store_true",
                        help="count the processor's time, not the clock's: for a busy machine; one thread only")
    parser.add_argument("--quick", action="store_true", help="small nets, short turns: whether it runs, not how fast")
    parser.add_argument("--json", help="file to write")
    return parser.parse_args()


def modules_for(choice):
    """(modules, {name: why it can't be used})."""
    return peers.load((*peers.OF_FASTNET, *peers.chosen(choice, peers.OTHERS)))


def machine(pinned, roof):
    return {"processor": roof.processor, "level": roof.level, "system": platform.system(),
            "processors": os.cpu_count(), "pinned to": pinned, "python": platform.python_version(),
            "numpy": np.__version__, "date": time.strftime("%Y-%m-%d")}


def measured(work, modules, effort, roof, threads=1):
    """The results of a list of work, each printed as soon as it is there."""
    for item in work:
        result = sides.measure(item, modules, effort, roof, threads)
        print(table.block(result), flush=True)
        yield result


def in_two_threads(args):
    """The work with threads, measured by a process whose pools have two threads and that has two processors."""
    if environment.cpus() is None or len(environment.cpus()) < 2:
        print("threads: needs two processors", flush=True)
        return []
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "threads.json")
        command = [sys.executable, __file__, *sys.argv[1:], "--only", "threads", "--json", target]
        if subprocess.run(command, env=environment.for_threads(2)).returncode:
            raise SystemExit("the measurement with two threads failed")
        with open(target, encoding="utf-8") as file:
            return json.load(file)["results"]


def main():
    args = arguments()
    kinds = args.only
    pinned = environment.pin()
    threads = environment.THREADS
    effort = timing.QUICK if args.quick else timing.Effort(args.repeats, args.seconds)
    modules, missing = modules_for(args.peers)
    if args.cpu_time:
        timing.clock = time.process_time
        kinds = [kind for kind in kinds if kind not in ("threads", "import")]
    timing.warm_blas()
    roof = fn.roof(refresh=not args.quick and threads == 1)

    about = {"machine": machine(pinned, roof), "versions": peers.versions(modules), "missing": missing,
             "roof": roof.to_dict(), "effort": effort._asdict(), "quick": args.quick, "clock": "processor" if args.cpu_time else "wall"}
    if threads == 1:
        print_heading(about, roof)
    dtypes = [args.dtype] if args.dtype else ["float32", "float64"]
    work = [item for item in workloads.all_work(dtypes, args.quick) if args.match in item.name
            and item.kind.startswith("threads") == (threads > 1) and item.kind.split("-")[0] in kinds]
    if args.match and not any(args.match in item.name for item in workloads.all_work(dtypes, args.quick)):
        raise SystemExit(f"--match: no work has {args.match!r} in its name, such as {workloads.all_work(dtypes, args.quick)[0].name!r}")
    results = []
    for result in measured(work, modules, effort, roof, threads):
        results.append(result)
        save(args.json, about, results)                     # what an interrupted run has found is kept
    if threads == 1:
        if "import" in kinds and not args.match:
            results.append(imports.result([module.NAME for module in modules], args.quick))
            print(table.block(results[-1]), flush=True)
        if "threads" in kinds:
            results += in_two_threads(args)
        found = goals.table(results)
        known = [goal for goal in found if goal["found"]]
        print(f"\ngoals, in this run ({len(found) - len(known)} not measured):", table.goal_lines(known), sep="\n")
    save(args.json, about, results)


def print_heading(about, roof):
    print("\n".join(f"{name}: {value}" for name, value in about["machine"].items()), roof, sep="\n")
    print("\n".join([f"{name}: {version}" for name, version in about["versions"].items()]
                    + [f"{name}: not here ({reason})" for name, reason in about["missing"].items()]), "\n", flush=True)


def save(path, about, results):
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**about, "results": results, "goals": goals.table(results)}, file, indent=1)


if __name__ == "__main__":
    main()
