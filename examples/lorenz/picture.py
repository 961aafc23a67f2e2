"""The picture of run.py, in four panels; needs matplotlib."""

import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot as plt

EQUATIONS, NET, OTHER = "#000000", "#D55E00", "#0072B2"           # Okabe and Ito's colours, apart in any eye


def draw(path, t, net_path, truth, apart, exponent, tops, calls):
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})
    figure, ((attractor, distance), (returns, bars)) = plt.subplots(2, 2, figsize=(9.5, 7.5), layout="constrained")

    attractor.plot(truth[:, 0], truth[:, 2], color=EQUATIONS, lw=0.6, label="Lorenz' equations")
    attractor.plot(net_path[:, 0], net_path[:, 2], color=NET, lw=0.6, label="the net, by the C loop")
    attractor.set(xlabel="x (dimensionless)", ylabel="z (dimensionless)", title=f"Paths from one start, {t[-1]:.0f} units of time")
    attractor.legend(loc="upper center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
    attractor.set_ylim(0, 56)

    for (label, values), color, style in zip(apart.items(), (OTHER, NET), ("-", "--")):
        distance.semilogy(t, np.maximum(values, 1e-16), color=color, lw=1, ls=style)
    growing = (t > 1) & (t < 25)
    distance.semilogy(t[growing], 3e-11 * np.exp(exponent * t[growing]), color=EQUATIONS, lw=1, ls=":")
    distance.text(14, 3e-7, f"$e^{{{exponent}\\,t}}$", color=EQUATIONS)
    distance.text(0.97, 0.04, "C loop (RK4, step 0.001)\nand scipy (DOP853), both the net", color=OTHER, transform=distance.transAxes,
                  ha="right", va="bottom")
    distance.text(0.03, 0.97, "net and equations, both by scipy", color=NET, transform=distance.transAxes, va="top")
    distance.set(xlabel="time t (dimensionless)", ylabel="distance of two paths (dimensionless)", title="How far paths are apart",
                 ylim=(1e-14, 1e4))

    returns.plot(tops["equations"][:-1], tops["equations"][1:], "o", color=EQUATIONS, mfc="none", ms=5, mew=0.8, label="equations")
    returns.plot(tops["net"][:-1], tops["net"][1:], "x", color=NET, ms=3.5, mew=0.8, label="net")
    returns.set(xlabel="a maximum of z (dimensionless)", ylabel="the next maximum of z (dimensionless)", title="Lorenz' map: the net has learnt the dynamics")
    returns.legend(loc="upper right")

    places = np.arange(len(calls))
    numeric, exact, jacobians = (100 * np.array(values) / np.array(list(calls.values()))[:, 0] for values in zip(*calls.values()))
    bars.bar(places - 0.2, numeric, 0.38, color=OTHER, label="values, Jacobian by differences")
    bars.bar(places + 0.2, exact, 0.38, color=NET, label="values, Jacobian by the net")
    bars.bar(places + 0.2, jacobians, 0.38, bottom=exact, color="white", edgecolor=NET, hatch="////", lw=0.8, label="its Jacobians")
    for place, (before, after, _) in zip(places, calls.values()):
        bars.text(place - 0.2, 3, f"{before:,}", ha="center", color="white", fontsize=8)
        bars.text(place + 0.2, 3, f"{after:,}", ha="center", color="white", fontsize=8)
    bars.set_xticks(places, calls)
    bars.set(xlabel="implicit method", ylabel="calls of the net, % of values with differences", ylim=(0, 150),
             title="What the exact Jacobian saves")
    bars.legend(loc="upper right", fontsize=8)
    figure.savefig(path, dpi=130)
