"""Devices: which one computes, on how many threads, how much memory it has left, and what it multiplies natively.

PyTorch is loaded by whoever asks for a device, not by whoever prints help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    import torch


def choose(name: str) -> torch.device:
    """The device called auto, cpu or cuda; auto is a GPU where there is one. Raises UserError where cuda finds none."""
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("device: cuda, but torch finds no GPU here", "set device to cpu or auto")
    wanted = name if name != "auto" else ("cuda" if available else "cpu")
    return torch.device(wanted)


def limit_threads(count: int) -> None:
    """Compute on so many CPU threads; 0: as many as the libraries take by themselves."""
    import torch
    from threadpoolctl import threadpool_limits

    if count:
        torch.set_num_threads(count)
        threadpool_limits(count)


def free(device: torch.device) -> int:
    """Bytes that the device can still give."""
    import psutil
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def has_native_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
