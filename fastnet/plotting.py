"""Every figure.  matplotlib is imported when the first is drawn."""

# Told apart by the colour-blind too: M. Okabe, K. Ito, Color universal design, 2008.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#D55E00")
BLACK = "#000000"
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
