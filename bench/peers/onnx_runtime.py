"""onnxruntime: Gemm and Sigmoid, inputs and outputs bound to fixed arrays, graph optimisations on."""

from itertools import repeat

import numpy as np

import workloads
from environment import THREADS

NAME, OUTPUT = "onnxruntime", "sigmoid"


def version():
    import onnx
    import onnxruntime
    return f"{onnxruntime.__version__}, onnx {onnx.__version__}"


def model(sizes, dtype, start):
    """The net as an ONNX model, weights (n_in, n_out)."""
    from onnx import TensorProto, helper, numpy_helper
    kind = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[dtype]
    nodes, constants, a = [], [], "x"
    layers = workloads.layers_of(start, sizes)
    for l, (w, b) in enumerate(layers):
        out = "y" if l + 1 == len(layers) else f"a{l}"
        constants += [numpy_helper.from_array(np.ascontiguousarray(w.T), f"w{l}"), numpy_helper.from_array(b.copy(), f"b{l}")]
        nodes += [helper.make_node("Gemm", [a, f"w{l}", f"b{l}"], [f"z{l}"]), helper.make_node("Sigmoid", [f"z{l}"], [out])]
        a = out
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", kind, [None, sizes[0]])],
                              [helper.make_tensor_value_info("y", kind, [None, sizes[-1]])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


class Infer:
    def __init__(self, sizes, dtype, X, start):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model(sizes, dtype, start).SerializeToString(), options,
                                                    providers=["CPUExecutionProvider"])
        self.X = np.ascontiguousarray(np.atleast_2d(X))
        self.out = np.empty((*X.shape[:-1], sizes[-1]), dtype)
        self.binding = self.session.io_binding()
        self.binding.bind_input("x", "cpu", 0, self.X.dtype, self.X.shape, self.X.ctypes.data)
        self.binding.bind_output("y", "cpu", 0, self.X.dtype, (len(self.X), sizes[-1]), self.out.ctypes.data)

    def run(self, count):
        run, binding = self.session.run_with_iobinding, self.binding
        for _ in repeat(None, count):
            run(binding)

    def outputs(self):
        self.run(1)
        return self.out


infer = Infer
