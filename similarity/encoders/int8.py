"""From a float32 network to int8, without a single picture: for set-up only.

Static quantization needs to know how large each activation gets. Here the network itself says so.
After each ReLU6 an activation lies in 0..6. The other outputs come out of a batch normalization,
whose shift and scale are the mean and the standard deviation of each channel over ImageNet. Nothing
is calibrated, so every machine makes the same file of the same weights.

Source: Nagel et al. 2019, Data-free quantization through weight equalization and bias correction.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from similarity.encoders.weights import Weights

_DEVIATIONS = 4.0
"""How many standard deviations of an activation are kept apart; what lies beyond is cut off.
Measured on 170 clothing photos, 4, 5, 6, 7, 8: cosine to float32 .9909, .9908, .9905, .9900, .9895,
with weights of 8 bits."""

_RELU6 = (0.0, 6.0)
_INPUT = (-1.0, 1.0)
_QUANTIZED = ["Conv", "Add", "Clip"]  # pooling stays float32: it is the embedding


class _Spread(NamedTuple):
    """Mean and variance of each channel of an activation."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    def __add__(self, other: object) -> "_Spread":
        """That of the sum, as if the two were independent."""
        if not isinstance(other, _Spread):
            return NotImplemented
        return _Spread(self.mean + other.mean, self.variance + other.variance)

    def bounds(self) -> tuple[float, float]:
        reach = _DEVIATIONS * np.sqrt(self.variance)
        return float((self.mean - reach).min()), float((self.mean + reach).max())


def quantized(network: onnx.ModelProto, weights: Weights) -> onnx.ModelProto:
    """Return the network in int8 (QDQ, a scale for each channel of weights).

    Args:
        network: float32, of Conv, Clip, Add and pooling only, as `onnx_files.simplified` leaves it.
        weights: what it was made of; its batch normalizations say how large activations get.

    Raises:
        EncoderUnavailable: the weights are not those of the network.
    """
    model = onnx.ModelProto()
    model.CopyFrom(network)
    bounds = {name: np.array(pair, np.float32) for name, pair in _bounds(model, weights).items()}
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(
            CalibrationMethod.MinMax, {name: (low, high) for name, (low, high) in bounds.items()}
        ),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=_QUANTIZED,
        extra_options={"TensorQuantOverrides": _seven_bits(model)},
    )
    quantizer.quantize_model()
    made: onnx.ModelProto = quantizer.model.model
    return made


def numbers_digest(model: onnx.ModelProto) -> str:
    """SHA-256 of all numbers in a model in the order of their use; names do not count."""
    numbers = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    digest = hashlib.sha256()
    for node in model.graph.node:
        for name in node.input:
            if name in numbers:
                digest.update(
                    f"{node.op_type} {numbers[name].dtype} {numbers[name].shape}".encode()
                )
                digest.update(numbers[name].tobytes())
    return digest.hexdigest()


def _seven_bits(model: onnx.ModelProto) -> dict[str, list[dict[str, object]]]:
    """Keep the weights of all but the depthwise convolutions within 7 bits.

    Processors without VNNI add two products of 8 bits into 16, which saturate: with 8 bits, Lite0's
    vectors on a Haswell had a cosine of 0.80 to 0.99 to those of the same file elsewhere. With 7
    they are the same to the last bit. Depthwise convolutions are computed in 32 bits everywhere.
    """
    seven = {"axis": 0, "quant_type": QuantType.QInt8, "symmetric": True, "reduce_range": True}
    return {
        node.input[1]: [dict(seven)]
        for node in model.graph.node
        if node.op_type == "Conv" and onnx.helper.get_node_attr_value(node, "group") == 1
    }


def _bounds(model: onnx.ModelProto, weights: Weights) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each activation that is to be quantized."""
    bounds = {model.graph.input[0].name: _INPUT}
    for node in model.graph.node:
        if node.op_type == "Clip":
            bounds[node.input[0]] = bounds[node.output[0]] = _RELU6
    spreads: dict[str, _Spread] = {}
    blocks = _block_spreads(weights)
    for node in model.graph.node:
        if node.op_type == "Add":
            spreads[node.output[0]] = spreads[node.input[0]] + spreads[node.input[1]]
        elif node.op_type == "Conv" and node.output[0] not in bounds:
            if (spread := next(blocks, None)) is None:
                raise weights.misfit()
            spreads[node.output[0]] = spread
    if next(blocks, None) is not None:
        raise weights.misfit()
    return bounds | {name: spread.bounds() for name, spread in spreads.items()}


def _block_spreads(weights: Weights) -> Iterator[_Spread]:
    """Of the last batch normalization of each block, the only ones without a ReLU6, in order."""
    number = 0
    while (name := f"_blocks.{number}._bn2") + ".bias" in weights.tensors:
        shift = weights.tensors[f"{name}.bias"].double().numpy()
        scale = weights.tensors[f"{name}.weight"].double().numpy()
        yield _Spread(shift, scale**2)
        number += 1
