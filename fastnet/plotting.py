"""Every figure.  matplotlib is imported when the first is drawn."""

# Told apart by the colour-blind too: M. Okabe, K. Ito, Color universal design, 2008.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PALETTE = (BLUE, ORANGE, GREEN, "#D55E00", "#56B4E9", "#CC79A7")
YELLOW, BLACK = "#F0E442", "#000000"
KINDS = (*PALETTE, YELLOW, BLACK)      # of operations; one marker each says the same without any colour
MARKERS = "osD^vP*X"
STYLES = ("-", "--", ":", "-.")        # one more for every round of the palette


def plot_history(history, ax=None):
    """Costs over epochs on a logarithmic axis, accuracy on one of its own.

    Parameters
    ----------
    history : History
    ax : matplotlib.axes.Axes, optional
        Where to draw; None: in a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or new_axes()
    lines = []
    for name, values, color in (("cost", history.cost, BLUE), ("validation cost", history.validation_cost, ORANGE)):
        if values:
            lines += ax.plot(range(1, len(values) + 1), values, label=name, color=color)
    costs = [*history.cost, *history.validation_cost]
    if costs and min(costs) > 0:
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("cost")
    if history.accuracy:
        right = ax.twinx()
        lines += right.plot(range(1, len(history.accuracy) + 1), history.accuracy, color=GREEN, label="accuracy")
        right.set_ylabel("accuracy")
    if lines:
        ax.legend(handles=lines, loc="center right")
    return ax


def plot_delta_norms(norms, ax=None, of="nabla_b"):
    """How fast each layer learns over epochs, on a logarithmic axis; a norm that is 0 has no place there and is left out.

    Parameters
    ----------
    norms : fastnet.callbacks.DeltaNorms
    ax : matplotlib.axes.Axes, optional
        Where to draw; None: in a new figure.
    of : "nabla_b" or "delta"
        Norms of the mean gradient by the biases, or means of the norms of δ.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = ax or new_axes()
    rows = norms.nabla_b_norms if of == "nabla_b" else norms.delta_norms
    for layer, values in enumerate(zip(*rows)):
        hidden = layer < len(rows[0]) - 1
        ax.plot(norms.epochs, [value if value > 0 else float("nan") for value in values],
                label=f"hidden layer {layer + 1}" if hidden else "output layer",
                color=PALETTE[layer % len(PALETTE)] if hidden else BLACK,
                linestyle=STYLES[layer // len(PALETTE) % len(STYLES)] if hidden else "-")
    ax.set_yscale("log")
    ax.set_xlabel("epochs")
    ax.set_ylabel("norm of ∂C/∂b of a layer (cost / bias)" if of == "nabla_b" else "mean norm of δ of a layer (cost / z)")
    if rows:
        ax.legend()
    return ax


def new_axes():
    import matplotlib.pyplot as plt
    return plt.subplots(layout="constrained")[1]


def label_points(ax, rows):
    """Names beside the points of the rows, each a line above the last where they would overlap."""
    import math

    placed = []
    for row in sorted(rows, key=lambda row: row.gflops):
        x, y = math.log10(row.gflops / row.gbytes), math.log10(row.gflops)
        lift = sum(abs(x - other) < 0.8 and abs(y - height) < 0.08 for other, height in placed)
        placed.append((x, y))
        ax.annotate(f"{row.operation} {row.layer}", (10**x, 10**y), textcoords="offset points", xytext=(11, -4 - 11 * lift), fontsize=8)


def plot_profile(profile, axes=None):
    """The roofline with the operations of a profile as points; time by layer and operation as bars.

    Parameters
    ----------
    profile : Profile
    axes : pair of matplotlib.axes.Axes, optional

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
    """
    import numpy as np

    from fastnet._roof import MEMORIES, roof

    if axes is None:
        import matplotlib.pyplot as plt
        axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")[1]
    left, right = axes
    rows = [row for row in profile.rows if row.thread == "main" and row.work]
    spent = {}
    for row in rows:
        spent[row.operation] = spent.get(row.operation, 0.0) + row.self
    names = sorted(spent, key=lambda name: -spent[name])
    look = {name: (KINDS[min(i, 7)], MARKERS[min(i, 7)]) for i, name in enumerate(names)}     # from the eighth on: others

    top = roof()
    single = any("float32" in row.work for row in rows)
    peak = top.gflops["float32" if single else "float64"]
    points = [row for row in rows if row.gflops and row.gbytes]
    intensity = np.geomspace(min([0.05, *(row.gflops / row.gbytes / 2 for row in points)]),
                             max([1000.0, *(2 * row.gflops / row.gbytes for row in points)]), 200)
    for style, name in zip(("-", "--", "-.", ":"), MEMORIES):
        left.plot(intensity, np.minimum(peak, intensity * top.read[name]), style, color="0.4", lw=1.2, label=f"{name} {top.read[name]:.0f} GB/s")
    longest = max([row.self for row in points], default=1.0)
    for row in points:
        colour, marker = look[row.operation]
        left.scatter(row.gflops / row.gbytes, row.gflops, s=30 + 200 * row.self / longest, color=colour, marker=marker,
                     edgecolor="black", linewidth=0.6, zorder=3)
    label_points(left, sorted(points, key=lambda row: -row.self)[:6])
    left.set(xscale="log", yscale="log", ylim=(None, 3 * peak), xlabel="flops a byte of weights and activations", ylabel="GFLOP/s",
             title=f"roofline, one thread: {peak:.0f} GFLOP/s {'float32' if single else 'float64'}")
    left.legend(loc="lower right", fontsize=8)

    layers = sorted({row.layer for row in rows if row.layer is not None})
    labels = [f"layer {layer}" for layer in layers] + ["whole net"]
    bottom = np.zeros(len(labels))
    for group in [[name] for name in names[:7]] + [names[7:]] * (len(names) > 7):
        heights = np.array([1e3 * sum(row.self for row in rows if row.operation in group and row.layer == layer)
                            for layer in [*layers, None]])
        right.bar(labels, heights, bottom=bottom, label=group[0] if len(group) == 1 else "others", color=look[group[0]][0],
                  edgecolor="white", linewidth=0.6)
        bottom += heights
    right.set(ylabel="time (ms)", title=f"{1e3 * sum(row.self for row in rows):.3g} of {1e3 * profile.seconds:.3g} ms in compiled code")
    handles, shown = right.get_legend_handles_labels()
    right.legend(handles[::-1], shown[::-1], fontsize=8)
    return axes
