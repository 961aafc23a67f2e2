"""What "fast" means here: least ratios and shares of the roof, each looked up in the results of one run.

"Best peer" is the fastest side that is not fastnet's; BLAS is fastnet's plain engine.  One thread, and
float32 where nothing else is said.
"""

from workloads import BIG, DEEP, MINI, SMALL, TINY, WIDE, WIDER

OWN = ("fastnet", "BLAS", "fastnet, out", "frozen", "frozen, out", "empty call")


def find(results, kind, sizes, batch, dtype="float32", zeros=0.0):
    """The result of one piece of work; None where it was not measured."""
    for result in results:
        key = (result["kind"], tuple(result["sizes"]), result["batch"], result["dtype"], result["zeros"])
        if key == (kind, sizes, batch, dtype, zeros):
            return result
    return None


def median(result, side):
    return result["sides"][side]["median"] if result and side in result["sides"] else None


def best_peer(result):
    """(name, median) of the fastest side that is not fastnet's."""
    others = [(side["median"], name) for name, side in (result["sides"] if result else {}).items()
              if name not in OWN and not name.startswith("fastnet")]
    return (min(others)[1], min(others)[0]) if others else (None, None)


def goal(text, asked, found, form, at_least=True, peer=None):
    """One line of the table."""
    verdict = "not measured" if found is None else "yes" if (found >= asked if at_least else found <= asked) else "NO"
    return {"goal": text, "asked": ("≥ " if at_least else "≤ ") + form(asked), "found": found and form(found),
            "verdict": verdict if peer is None else f"{verdict} ({peer})"}


def times(x):
    return f"{x:.2f}×"


def percent(x):
    return f"{100 * x:.0f} %"


def microseconds(x):
    return f"{1e6 * x:.2f} µs"


def against(results, side, asked, kind, sizes, batch, dtype="float32", zeros=0.0, own="fastnet"):
    """fastnet so many times as fast as a side, or as the best peer (side None)."""
    result = find(results, kind, sizes, batch, dtype, zeros)
    name, other = best_peer(result) if side is None else (side, median(result, side))
    mine = median(result, own)
    what = "" if batch == 1 else f", batch {batch}" if kind == "minibatch" else f", {batch} rows"
    zeros = f", {100 * zeros:.0f} % zeros" if zeros else ""
    text = f"{kind} {list(sizes)}{what}{zeros} {dtype}: × {'best peer' if side is None else side}"
    return goal(text, asked, other / mine if other and mine else None, times, peer=name if side is None else None)


def share(results, kind, sizes, batch, asked):
    result = find(results, kind, sizes, batch)
    found = result["sides"]["fastnet"]["of_peak"] if result and "fastnet" in result["sides"] else None
    return goal(f"{kind} {list(sizes)}, batch {batch} float32: of the floating-point peak", asked, found, percent)


def time_of_blas(results, sizes, zeros, asked):
    """fastnet's time as a fraction of the BLAS design's; on data with zeros too, both on the same data."""
    result = find(results, "online", sizes, 1, zeros=zeros)
    mine, other = median(result, "fastnet"), median(result, "BLAS")
    text = f"online {list(sizes)}{f', {100 * zeros:.0f} % zeros' if zeros else ''} float32: of the time of BLAS"
    return goal(text, asked, mine / other if mine and other else None, percent, at_least=False)


def online(results):
    for sizes, peer, torch in ((WIDE, 3.0, 18), (WIDER, 1.7, 7)):
        yield against(results, None, peer, "online", sizes, 1)
        yield against(results, "torch", torch, "online", sizes, 1)
        yield time_of_blas(results, sizes, 0.0, 0.55)
        yield time_of_blas(results, sizes, 0.81, 0.30)
    for sizes, peer in ((MINI, 2.5), (TINY, 3.5), (SMALL, 2.4)):
        yield against(results, None, peer, "online", sizes, 1)
        yield against(results, "torch", 50, "online", sizes, 1)


def minibatch(results):
    for sizes, peer in ((WIDE, 1.9), (DEEP, 1.6), (SMALL, 1.6), (TINY, 2.6)):
        yield against(results, None, peer, "minibatch", sizes, 10)
    for batch, peer in ((32, 1.2), (128, 1.15)):
        for sizes in (WIDE, DEEP, SMALL, TINY):
            yield against(results, None, peer, "minibatch", sizes, batch)
        yield share(results, "minibatch", DEEP, batch, 0.75)
    for sizes in (WIDER, BIG):
        for batch in (128, 512):
            yield against(results, None, 1.0, "minibatch", sizes, batch)
            yield share(results, "minibatch", sizes, batch, 0.83)


def calls(results):
    result = find(results, "call", MINI, 1)
    empty = median(result, "empty call")
    for side, asked in (("fastnet", 0.45e-6), ("fastnet, out", 0.18e-6)):
        scale = empty / 0.05e-6 if empty else 1            # the limits hold where an empty call takes 0.05 µs
        yield goal(f"call {list(MINI)} float32, {'net.predict(x, out)' if 'out' in side else 'net(x)'}", asked * scale,
                   median(result, side), microseconds, at_least=False)
    yield against(results, None, 12, "call", MINI, 1)
    yield against(results, "onnxruntime", 12, "call", MINI, 1)


def inference(results):
    for sizes, asked in ((MINI, 1.1), (SMALL, 1.1), (WIDE, 1.1), (BIG, 1.0)):
        for rows in (1000, 10_000):
            yield against(results, "onnxruntime", asked, "inference", sizes, rows)


def threads(results):
    """Two threads where a step takes 30 µs or more."""
    for result in results:
        one, two = median(result, "fastnet"), median(result, "fastnet, 2 threads")
        if result["kind"] == "threads" and one and two and one >= 30e-6 and result["dtype"] == "float32":
            yield goal(f"{result['name']}: two threads × one", 1.7, one / two, times)


def imports(results):
    result = next((result for result in results if result["kind"] == "import"), None)
    mine, numpy = median(result, "fastnet"), median(result, "numpy")
    yield goal("import fastnet beyond numpy", 0.025, mine - numpy if mine and numpy else None,
               lambda x: f"{1e3 * x:.1f} ms", at_least=False)


def double(results):
    """float64: ahead of the best peer everywhere."""
    for result in results:
        if result["dtype"] == "float64" and result["kind"] in ("online", "minibatch", "inference", "call"):
            yield against(results, None, 1.0, result["kind"], tuple(result["sizes"]), result["batch"], "float64", result["zeros"])


def table(results):
    """Every goal whose kind was measured in this run."""
    kinds = {result["kind"] for result in results}
    chosen = [(online, "online"), (minibatch, "minibatch"), (calls, "call"), (inference, "inference"),
              (threads, "threads"), (imports, "import")]
    found = [line for goals, kind in chosen if kind in kinds for line in goals(results)]
    return found + list(double(results))
