"""Results as text: one block a piece of work, one line a side."""

UNITS = {"online": "µs a sample", "minibatch": "µs a step", "threads": "µs a step", "call": "µs a call",
         "inference": "µs a batch", "threads-inference": "µs a batch", "import": "ms"}


def short(value):
    """Three digits, however large."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def block(result):
    """The lines of one result."""
    scale = 1e3 if result["kind"] == "import" else 1e6
    lines = [f"{result['name']}" + (f"   ({result['threads']} processors)" if result["threads"] > 1 else ""),
             f"  {UNITS[result['kind']]:<22} {'median':>10} {'min':>10} {'/ fastnet':>10} {'% peak':>8} {'% bandwidth':>12}"]
    for name, side in sorted(result["sides"].items(), key=lambda item: item[1]["median"]):
        ratio = f"{side['ratio']:.2f}" if side.get("ratio") else ""
        shares = [f"{100 * side[key]:.0f}" if side.get(key) is not None else "" for key in ("of_peak", "of_bandwidth")]
        lines.append(f"  {name:<22} {short(scale * side['median']):>10} {short(scale * side['min']):>10} {ratio:>10} "
                     f"{shares[0]:>8} {shares[1]:>12}")
    lines += [f"  {name:<22} not measured: {reason}" for name, reason in result["failed"].items()]
    return "\n".join(lines)


def goal_lines(goals):
    """The table of goals: work, what was asked, what was found."""
    width = max(len(goal["goal"]) for goal in goals) if goals else 0
    return "\n".join(f"  {goal['goal']:<{width}}  asked {goal['asked']:>8}   found {goal['found']:>8}   {goal['verdict']}"
                     for goal in goals)
