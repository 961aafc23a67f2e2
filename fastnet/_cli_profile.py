"""``fastnet profile`` and ``fastnet bench``: what bounds a net's training here, and how fast standard nets are."""

import argparse

import numpy as np

from fastnet._cli_common import OK, CommandError, as_json, check_apart, positive_int, reading

PROFILE_EXAMPLES = """\
examples:
  fastnet profile --sizes 784 30 10 --batch 10                      explain a net's step, then profile half a second of it
  fastnet profile net.safetensors --dtype float32 --trace trace.json
  fastnet profile --sizes 10 64 64 1 --batch 32 --plot profile.png  (needs matplotlib)"""


def add_profile(commands):
    parser = commands.add_parser("profile", help="where the time of training goes, and what to change", epilog=PROFILE_EXAMPLES,
                                 description="Print what a step of training costs and a profile of it, on made-up samples.",
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a net written by `fastnet train --out` or net.save")
    parser.add_argument("--sizes", type=positive_int, nargs="+", metavar="N", help="neurons a layer, instead of MODEL")
    parser.add_argument("--activation", default="sigmoid", help="of every layer, with --sizes (default: sigmoid)")
    parser.add_argument("--batch", type=positive_int, default=10, metavar="N", help="samples a step (default: 10)")
    parser.add_argument("--dtype", choices=["float32", "float64"], help="precision (default: the model's, or float64)")
    parser.add_argument("--threads", type=positive_int, default=1, metavar="N", help="threads of the training (default: 1)")
    parser.add_argument("--density", type=float, default=1.0, metavar="D", help="share of the inputs that is not 0 (default: 1)")
    parser.add_argument("--trace", metavar="FILE", help="write a trace for ui.perfetto.dev or speedscope.app")
    parser.add_argument("--plot", metavar="FILE", help="draw roofline and times, as png, svg or pdf")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_profile)


def net_of(args):
    from fastnet import persistence
    from fastnet.network import Network

    if (args.model is None) == (args.sizes is None):
        raise CommandError("give either MODEL or --sizes")
    if args.sizes is not None:
        return Network(args.sizes, activation=args.activation, dtype=args.dtype or "float64", seed=0)
    with reading(args.model):
        net = persistence.load(args.model)
    return net if args.dtype is None else net.copy(dtype=args.dtype)


def run_profile(args):
    from fastnet._measure import Steps
    from fastnet.profiling import profile

    if not 0 < args.density <= 1:
        raise CommandError(f"--density: expected a number above 0, at most 1; got {args.density}")
    check_apart([args.model] if args.model else [], [args.trace, args.plot])
    net = net_of(args)
    X = (np.random.default_rng(0).random((1000, net.sizes[0])) < args.density).astype(net.dtype)
    told = net.explain(batch_size=args.batch, threads=args.threads, X=X if args.density < 1 else None)
    steps = Steps(net, args.batch, args.density, args.threads)
    with profile() as found:
        steps.train(max(1, int(0.5e9 / (told.measured_ns * steps.steps))))
    if args.trace:
        found.export_chrome_trace(args.trace)
    if args.plot:
        draw(found, args.plot)
    print(as_json({"explain": told.to_dict(), "profile": found.to_dict()}) if args.json else f"{told}\n\n{found.table()}")
    return OK


def draw(found, path):
    try:
        import matplotlib
    except ImportError:
        raise CommandError("--plot needs matplotlib, which is not installed") from None
    matplotlib.use("Agg")
    figure = found.plot()[0].figure
    figure.savefig(path, dpi=110)


def add_bench(commands):
    parser = commands.add_parser("bench", help="standard nets on this machine, beside whichever peers are installed",
                                 description="Time standard trainings: fastnet, its plain engine over BLAS, numpy, and torch, jax and "
                                             "scikit-learn where installed, all on one processor in one thread. Half a minute; the checkout's bench/ measures more.")
    parser.add_argument("--quick", action="store_true", help="two nets only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_bench)


def run_bench(args):
    from fastnet._cli_bench import measured, table

    found = measured(args.quick)
    print(as_json(found) if args.json else table(found))
    return OK
