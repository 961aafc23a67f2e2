"""``fastnet check``: the compiled kernels against the pure-Python reference, on this machine, in about a second."""

import time
from typing import NamedTuple

import numpy as np

from fastnet._cli_common import FAILED, OK, as_json

SIZES = (1, 1), (4, 8, 3), (13, 30, 10), (33, 65, 7)
EVEN = (4, 8, 4)      # means and variances
ROWS, ETA = 11, 1 / 32    # an exact step in both precisions, small enough for every net to settle
BATCH_SIZES = 1, 4    # online; two full batches and a shorter one
TOLERANCE = 100       # rounding errors, eps of the largest entry; sums of 65 terms through two layers stay far below


class Case(NamedTuple):
    sizes: tuple
    activation: str
    output: str
    cost: str
    dtype: str

    def __str__(self):
        layers = self.activation if self.output == self.activation else f"{self.activation}, {self.output}"
        return f"{self.dtype}  {'-'.join(map(str, self.sizes)):<8}  {layers}, {self.cost}"


def add_check(commands):
    parser = commands.add_parser(
        "check", help="compiled kernels against pure Python, about a second",
        description="Compare gradients and epochs of training of small random nets with the pure-Python reference, "
                    "for both precisions and every activation and cost it has. Exit code 1 if any differs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=check)


def check(args):
    start = time.perf_counter()
    results = []
    for number, case in enumerate(cases()):
        gradient, epoch = errors(case, seed=number)
        ok = bool(gradient <= TOLERANCE and epoch <= TOLERANCE)    # NaN is not
        results.append({**case._asdict(), "gradient_error": gradient, "epoch_error": epoch, "ok": ok})
        if not args.json:
            print(f"{'ok  ' if ok else 'FAIL'}  {case!s:<52}  gradient {gradient:5.1f} eps  epoch {epoch:5.1f} eps")

    failed = sum(not result["ok"] for result in results)
    seconds = time.perf_counter() - start
    if args.json:
        print(as_json({"ok": failed == 0, "seconds": seconds, "tolerance_eps": TOLERANCE, "checks": results}))
    elif failed:
        print(f"{failed} of {len(results)} checks FAILED: an error above {TOLERANCE} eps")
    else:
        print(f"all {len(results)} checks passed in {seconds:.1f} s")
    return FAILED if failed else OK


def cases():
    """sigmoid on nets of every size, every other activation and cost once; in both precisions."""
    from fastnet import reference

    for dtype in ("float64", "float32"):
        for activation in reference.ACTIVATIONS:
            for sizes in SIZES if activation == "sigmoid" else SIZES[1:2]:
                yield Case(sizes, activation, activation, "quadratic", dtype)
        for cost in reference.COSTS:
            output = "softmax" if cost == "categorical_cross_entropy" else "sigmoid"
            if cost != "quadratic":
                yield Case(SIZES[1] if cost != "gaussian_nll" else EVEN, "tanh", output, cost, dtype)
        yield Case(SIZES[1], "tanh", "softmax", "quadratic", dtype)


def errors(case, seed):
    """Largest errors of a gradient, and of the parameters after an epoch, in eps of the largest entry."""
    from fastnet import reference
    from fastnet.network import Network

    rng = np.random.default_rng(seed)
    net = Network(case.sizes, activation=case.activation, output=case.output, cost=case.cost, dtype=case.dtype,
                  seed=seed)
    net.parameters[:] = rng.standard_normal(net.n_parameters) / 8
    X = rng.standard_normal((ROWS, case.sizes[0])).astype(case.dtype)
    Y = rng.random((ROWS, net.cost_function.n_targets(case.sizes[-1]))).astype(case.dtype)
    if case.output == "softmax":
        Y /= Y.sum(axis=1, keepdims=True)
    w, b = [w.tolist() for w in net.weights], [b.tolist() for b in net.biases]
    rows = X.tolist(), Y.tolist()
    options = {"activations": list(net.activations), "cost": case.cost}

    _, gradient = net.value_and_gradient(X, Y)
    expected = reference.gradient(w, b, *rows, **options)
    gradient_error = _error(gradient, _flat(expected.nabla_w, expected.nabla_b), case.dtype)

    start, epoch_errors = net.parameters.copy(), []
    for batch_size in BATCH_SIZES:
        net.parameters[:] = start
        net.fit(X, Y, epochs=1, batch_size=batch_size, learning_rate=ETA, shuffle=False)
        expected = reference.sgd_epoch(w, b, *rows, ETA, batch_size, **options)
        epoch_errors.append(_error(net.parameters, _flat(*expected), case.dtype))
    return gradient_error, np.max(epoch_errors)    # np.max: NaN wins


def _flat(w, b):
    """Lists of the reference as a vector laid out like `parameters`: per layer w row by row, then b."""
    return np.concatenate([np.concatenate([np.ravel(w_l), b_l]) for w_l, b_l in zip(w, b, strict=True)])


def _error(got, expected, dtype):
    largest = max(np.abs(expected).max(), np.finfo(dtype).tiny)
    return float(np.abs(got - expected).max() / (np.finfo(dtype).eps * largest))
