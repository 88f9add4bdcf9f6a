"""Which of PyTorch's operations a program may call: those that compute one tensor from others and do nothing else.

An operation ending in _ writes its result into its first argument.
"""

from __future__ import annotations

import torch
from torch._ops import OpOverload

from ..errors import UserError, shown

NAMESPACE = "torch.ops.aten."
KNOWN = """
conv1d conv2d conv3d conv_transpose1d conv_transpose2d convolution linear matmul mm bmm addmm baddbmm
scaled_dot_product_attention
batch_norm _native_batch_norm_legit_no_training instance_norm group_norm native_group_norm layer_norm
native_layer_norm rms_norm
relu relu_ relu6 relu6_ leaky_relu leaky_relu_ prelu elu elu_ selu selu_ celu celu_ gelu silu silu_ mish mish_
glu tanh tanh_ sigmoid sigmoid_ softplus hardtanh hardtanh_ hardswish hardswish_ hardsigmoid hardsigmoid_ log_sigmoid
softmax _softmax log_softmax _log_softmax
max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d adaptive_max_pool2d
mean sum amax amin std var linalg_vector_norm _weight_norm einsum
dropout dropout_ feature_dropout feature_dropout_ alpha_dropout
flatten unflatten view _unsafe_view reshape permute transpose t movedim squeeze unsqueeze expand expand_as repeat roll
flip
select slice index narrow split split_with_sizes chunk unbind cat stack contiguous clone alias pad constant_pad_nd
pixel_shuffle channel_shuffle upsample_nearest2d upsample_bilinear2d upsample_bicubic2d
_upsample_bilinear2d_aa _upsample_bicubic2d_aa
add add_ sub sub_ rsub mul mul_ div div_ neg pow sqrt rsqrt exp log abs square clamp clamp_ clamp_min clamp_max
minimum maximum erf sin cos log1p expm1 eq ne lt le gt ge logical_not where masked_fill
"""
OPERATIONS = frozenset(KNOWN.split())


def operation(target: str) -> OpOverload:
    """The operation of a name, torch.ops.aten.relu.default; raises UserError, without a file, of any other."""
    name, _, overload = target.removeprefix(NAMESPACE).partition(".")
    if not target.startswith(NAMESPACE) or name not in OPERATIONS:
        problem = f"calls {shown(target)}, which is none of the operations known here to compute and do nothing else"
        raise UserError(problem, "write the network with common layers")
    packet = getattr(torch.ops.aten, name)
    if overload not in packet.overloads() or overload.endswith("out"):
        raise UserError(f"calls {shown(target)}, which this PyTorch does not have", "export with the PyTorch used here")
    return getattr(packet, overload)


def writes_into_its_argument(called: OpOverload) -> bool:
    return called._schema.is_mutable
