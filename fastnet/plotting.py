"""Every figure.  matplotlib is imported when the first is drawn."""


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
        ax = plt.subplots()[1]
    for name, values in (("cost", history.cost), ("validation cost", history.validation_cost)):
        if values:
            ax.plot(range(1, len(values) + 1), values, label=name)
    costs = [*history.cost, *history.validation_cost]
    if costs and min(costs) > 0:
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("cost")
    if history.accuracy:
        right = ax.twinx()
        right.plot(range(1, len(history.accuracy) + 1), history.accuracy, color="C2", label="accuracy")
        right.set_ylabel("accuracy")
    if costs:
        ax.legend()
    return ax
