"""Which of PyTorch's operations a program may call: those that compute tensors from others and do nothing else.

These are all that PyTorch itself marks as computing each number of a result from the numbers in its place, or from
those of a row, and what is listed here. None reads a file, prints, draws random numbers unless it is told to train, or
is one of a device's own or of PyTorch's inner ones whose arguments nobody checks, so that they read or write beyond
their tensors. An operation ending in _ writes its result into its first argument.
"""

from __future__ import annotations

import torch
from torch import Tag
from torch._ops import OpOverload, OpOverloadPacket

from ..errors import UserError, shown

NAMESPACE = "torch.ops.aten."
UNDER = "torch.ops.higher_order.wrap_with_"
MARKS = {Tag.pointwise, Tag.reduction}
LISTED = """
conv1d conv2d conv3d conv_transpose1d conv_transpose2d convolution linear bilinear embedding
matmul mm bmm addmm baddbmm mv dot vdot outer einsum tensordot cosine_similarity cdist scaled_dot_product_attention
batch_norm _native_batch_norm_legit_no_training instance_norm group_norm native_group_norm layer_norm
native_layer_norm rms_norm _weight_norm
relu6_ prelu mish_ hardswish hardswish_ log_sigmoid glu softmax _softmax log_softmax _log_softmax
max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d adaptive_max_pool2d
dropout dropout_ feature_dropout feature_dropout_ alpha_dropout
flatten unflatten ravel view view_as _unsafe_view reshape reshape_as permute transpose t numpy_T mT swapaxes swapdims
movedim squeeze unsqueeze expand expand_as broadcast_to broadcast_tensors repeat repeat_interleave tile
roll flip fliplr flipud rot90 diagonal tril triu unfold im2col col2im
select slice narrow split split_with_sizes tensor_split hsplit chunk unbind cat concat concatenate stack hstack vstack
contiguous alias pad constant_pad_nd
index index_select gather take_along_dim scatter scatter_add index_add one_hot sort topk cumsum cumprod diff
pixel_shuffle pixel_unshuffle channel_shuffle grid_sampler upsample_nearest1d upsample_nearest2d upsample_nearest3d
_upsample_nearest_exact2d upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa.vec upsample_bicubic2d
_upsample_bicubic2d_aa.vec upsample_trilinear3d
zeros ones full eye arange linspace meshgrid new_zeros new_ones new_full zeros_like ones_like full_like
detach detach_ lift_fresh_copy zero_ fill_ copy_ to type_as
rsub floor_divide multiply divide subtract negative absolute where masked_fill prod linalg_norm __and__ __or__
"""
RECURRENT = frozenset(
    ["lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"]
)
OPERATIONS = RECURRENT.union(LISTED.split())


def operation(target: str) -> OpOverload:
    """The operation of a name, torch.ops.aten.relu.default; raises UserError, without a file, of any other."""
    name, _, overload = target.removeprefix(NAMESPACE).partition(".")
    packet = getattr(torch.ops.aten, name, None) if target.startswith(NAMESPACE) else None
    if isinstance(packet, OpOverloadPacket) and overload in packet.overloads():
        called: OpOverload = getattr(packet, overload)
        into_another = any(argument.is_out for argument in called._schema.arguments)
        is_listed = not OPERATIONS.isdisjoint((name, f"{name}.{overload}"))
        if not into_another and (is_listed or MARKS.intersection(called.tags)):
            return called
    elif target.startswith(UNDER):
        problem = f"runs a part of itself under torch.no_grad() or autocast ({shown(target)})"
        raise UserError(problem, "export it without either; requires_grad_(False) freezes a part as well")
    elif name in OPERATIONS:
        raise UserError(f"calls {shown(target)}, which this PyTorch does not have", "export with the PyTorch used here")
    problem = f"calls {shown(target)}, which is none of the operations known here to compute and do nothing else"
    raise UserError(problem, "write the network with common layers")
