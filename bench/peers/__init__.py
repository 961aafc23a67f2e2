"""Who is measured: one module a side, fastnet itself among them, all with the same few names.

    NAME                the side's name in tables
    OUTPUT              its activation of the last layer in training; hidden layers are sigmoid everywhere
    version()           a string; ImportError or OSError where the library is not here
    train(sizes, dtype, X, Y, batch_size, eta, start)
                        something prepared: run(epochs) does so many epochs of gradient descent on
                        C_x = ½‖a − y‖², rows in order, and goes on from where it was; parameters() gives the
                        flat float64 vector, laid out like Network.parameters; sides that mnist.py measures
                        also have shuffled_epoch(order) and outputs(X)
    infer(sizes, dtype, X, start)
                        prepared for one X, (m, n_in) or (n_in,): run(count) computes the outputs so often;
                        outputs() gives them

`train` or `infer` is missing, or returns None, where the library has no such thing.  `start` is the flat
vector of parameters.  Everything is laid out, converted, compiled and allocated before `run`.
"""

import importlib

OF_FASTNET = ("fastnet_itself", "fastnet_plain")
OTHERS = ("numpy_out", "torch_by_hand", "torch_nn", "jax_scan", "sklearn_mlp", "fann", "onnx_runtime")


def chosen(names, known):
    """The modules that --peers asks for: those named, all that are known, or none."""
    return {"all": known, "none": ()}.get(names[0], names)


def load(names):
    """The modules that can be used here, and why the others can't: ([module, ...], {name: reason})."""
    found, missing = [], {}
    for name in names:
        module = importlib.import_module(f"peers.{name}")
        try:
            module.version()
            found.append(module)
        except (ImportError, OSError) as error:
            missing[module.NAME] = str(error)
    return found, missing


def versions(modules):
    return {module.NAME: module.version() for module in modules}
