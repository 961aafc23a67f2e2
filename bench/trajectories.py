"""Where each optimizer stands after 1, 10 and 100 steps, beside torch.optim on the same gradients.

    python bench/trajectories.py

Float64, a [6, 9, 4] net with tanh, batches of 8 in their order, both started alike; torch's gradients come from
its own autograd.  Rprop is left out: torch's is another of its variants.  Prints the largest relative difference of the weights; the target is 1e-12.  Needs torch.
"""

import sys

import numpy as np

import fastnet as fn

STEPS = (1, 10, 100)
TARGET = 1e-12
SIZES, BATCH, RATE = (6, 9, 4), 8, 0.01


def pairs(torch):
    """fastnet's options, and torch's optimizer of groups of parameters."""
    o = torch.optim
    sgd = lambda **options: lambda params: o.SGD(params, lr=RATE, **options)
    return {
        "sgd": ({"optimizer": "sgd"}, sgd()),
        "sgd, l2": ({"optimizer": "sgd", "l2": 0.1}, sgd(weight_decay=0.1)),
        "momentum": ({"optimizer": fn.SGD(momentum=0.9)}, sgd(momentum=0.9)),
        "nesterov": ({"optimizer": fn.SGD(momentum=0.9, nesterov=True)}, sgd(momentum=0.9, nesterov=True)),
        "adagrad": ({"optimizer": "adagrad"}, lambda params: o.Adagrad(params, lr=RATE)),
        "rmsprop": ({"optimizer": "rmsprop"}, lambda params: o.RMSprop(params, lr=RATE)),
        "rmsprop, centred, momentum": ({"optimizer": fn.RMSprop(centered=True, momentum=0.5)},
                                       lambda params: o.RMSprop(params, lr=RATE, centered=True, momentum=0.5)),
        "adam": ({"optimizer": "adam"}, lambda params: o.Adam(params, lr=RATE)),
        "adam, l2": ({"optimizer": "adam", "l2": 0.1}, lambda params: o.Adam(params, lr=RATE, weight_decay=0.1)),
        "amsgrad": ({"optimizer": "amsgrad"}, lambda params: o.Adam(params, lr=RATE, amsgrad=True)),
        "adamw": ({"optimizer": fn.AdamW(weight_decay=0.1)}, lambda params: o.AdamW(params, lr=RATE, weight_decay=0.1)),
        "nadam": ({"optimizer": "nadam"}, lambda params: o.NAdam(params, lr=RATE)),
        "clip_norm": ({"optimizer": "sgd", "clip_norm": 0.1}, sgd()),
        "clip_value": ({"optimizer": "sgd", "clip_value": 0.01}, sgd()),
    }


def torch_trajectory(torch, start, X, Y, make, options):
    """Parameters after each of STEPS, as fastnet lays them out.  Biases have no l2, as with fastnet."""
    layers, at = [], 0
    for p, n in zip(SIZES, SIZES[1:]):
        layer = torch.nn.Linear(p, n, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(start[at:at + n * p].reshape(n, p)))
            layer.bias.copy_(torch.from_numpy(start[at + n * p:at + n * p + n]))
        layers, at = [*layers, layer, torch.nn.Tanh()], at + n * p + n
    net = torch.nn.Sequential(*layers)
    parameters = list(net.parameters())
    groups = [{"params": [q for q in parameters if q.ndim == 2]}, {"params": [q for q in parameters if q.ndim == 1], "weight_decay": 0.0}]
    optimizer = make(groups)
    found = []
    for i in range(max(STEPS)):
        x, y = (torch.from_numpy(array[i * BATCH:(i + 1) * BATCH]) for array in (X, Y))
        optimizer.zero_grad()
        (0.5 * ((net(x) - y) ** 2).sum(dim=1).mean()).backward()
        if "clip_norm" in options:
            norm = torch.nn.utils.get_total_norm([q.grad for q in parameters])
            for q in parameters:                      # clip_grad_norm_ itself adds 1e-6 to the norm
                q.grad.mul_(min(1.0, options["clip_norm"] / float(norm)))
        if "clip_value" in options:
            torch.nn.utils.clip_grad_value_(parameters, options["clip_value"])
        optimizer.step()
        if i + 1 in STEPS:
            found.append(np.concatenate([q.detach().numpy().ravel() for q in parameters]))
    return found


def main():
    try:
        import torch
    except ImportError:
        sys.exit("torch is not installed")
    torch.set_default_dtype(torch.float64)             # NAdam keeps a running product in the default dtype
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((max(STEPS) * BATCH, SIZES[0])), rng.uniform(-1, 1, (max(STEPS) * BATCH, SIZES[-1]))
    print(f"torch {torch.__version__}; largest |difference| / largest |weight|\n{'optimizer':28}" + "".join(f"{n:>5} steps" for n in STEPS))
    for name, (options, make) in pairs(torch).items():
        start = fn.Network(SIZES, activation="tanh", seed=0).parameters
        differences = []
        for steps, theirs in zip(STEPS, torch_trajectory(torch, start, X, Y, make, options)):
            net = fn.Network(SIZES, activation="tanh", init=start)
            net.fit(X[:steps * BATCH], Y[:steps * BATCH], epochs=1, batch_size=BATCH, learning_rate=RATE, shuffle=False, **options)
            differences.append(np.abs(net.parameters - theirs).max() / np.abs(theirs).max())
        print(f"{name:28}" + "".join(f"{difference:11.1e}" for difference in differences)
              + ("" if max(differences) <= TARGET else f"   above {TARGET:g}"))


if __name__ == "__main__":
    main()
