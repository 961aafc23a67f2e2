"""Every figure.  matplotlib is imported when the first is drawn."""

# Told apart by the colour-blind too: M. Okabe, K. Ito, Color universal design, 2008.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


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
    if ax is None:
        import matplotlib.pyplot as plt
        ax = plt.subplots(layout="constrained")[1]
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
