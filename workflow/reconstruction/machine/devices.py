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
    import torch

    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()


def free_memory() -> int:
    """Bytes that this process can still get, as the machine has them and a limit such as `ulimit -v` leaves them."""
    import resource

    import psutil

    available, (limit, _) = psutil.virtual_memory().available, resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return available
    return max(0, min(available, limit - psutil.Process().memory_info().vms))


def require_memory(needed: int, what: str, remedy: str) -> None:
    """Raises UserError where what is about to be made needs more bytes than are free."""
    available = free_memory()
    if needed > available:
        raise UserError(f"{what} need {needed / 2**30:.1f} GiB, and {available / 2**30:.1f} GiB are free", remedy)


def has_native_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
