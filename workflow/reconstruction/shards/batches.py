"""The restarts of a shard in batches, as many at once as the device has room for."""

from __future__ import annotations

import torch
from torch import Tensor

from ..attack.plan import Attack
from ..attack.search.engine import Search
from ..attack.search.restarts import Outcome, Snapshot, Starts
from ..attack.search.starts import begin
from ..configuration import Restarts
from ..errors import UserError
from ..machine.devices import free, has_native_bfloat16
from ..machine.progress import Progress
from ..models.mlp import Network
from .capacity import bytes_per_restart, restarts_at_once
from .checkpoint import Standing
from .saving import Keeper


def prepare(
    attack: Attack,
    network: Network,
    settings: Restarts,
    numbers: range,
    drawn: list[dict[str, float]],
    device: torch.device,
    products: torch.dtype,
) -> tuple[Network, Starts]:
    """The network on the search space's coordinates in the products' dtype, and where restarts begin there."""
    space = attack.method.space
    network = space.restrict(network.to(dtype=torch.float64))
    starts = begin(network.input_size, space, settings, numbers, drawn)
    parameters = torch.promote_types(products, torch.float32)
    return network.to(device=device, dtype=products), starts.to(device, parameters)


def search_in_batches(
    attack: Attack, network: Network, starts: Starts, progress: Progress, keeper: Keeper | None = None
) -> Outcome:
    """Search from every start, as many at once as memory allows; raises UserError where not even one fits.

    keeper: of a checkpoint to go on from.
    """
    device, parameters, candidates = starts.candidates.device, starts.candidates.dtype, starts.candidates.shape[1]
    fitting = restarts_at_once(network, candidates, parameters, device)
    if not fitting:
        needed = bytes_per_restart(network, candidates, parameters)
        raise UserError(
            f"reconstruct: one restart needs {needed / 2**30:.1f} GiB and {device} has {free(device) / 2**30:.1f} GiB "
            "free",
            "lower the sweep's candidates or its precision, or use a larger device",
        )
    standing = (keeper and keeper.go_on(fitting)) or Standing(min(fitting, len(starts)))
    outcomes, iterations = list(standing.done), attack.method.iterations

    def search_batch(first: int, begun: Snapshot | None) -> Outcome:
        batch = starts.only(slice(first, first + standing.at_once))
        search = Search(network, attack.method, batch, begun)
        while not search.is_done:
            iteration = search.iteration
            done = (first + len(batch) * iteration / iterations) / len(starts)
            if keeper:
                keeper.pause(lambda: Standing(standing.at_once, outcomes, search.snapshot()), done)
            residuals = search.step()
            if residuals is not None and not (keeper and keeper.notice.received):  # which ends the line's reader, too
                progress(done, f"iteration {iteration}, first layer's residual {_best(residuals):.3g} at best")
        return search.outcome()

    begun = standing.batch
    for first in range(sum(map(len, outcomes)), len(starts), standing.at_once):
        outcomes.append(search_batch(first, begun))
        begun = None
    return Outcome.concatenate(outcomes)


def product_dtype(settings: Restarts, method: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products; `auto` is bfloat16 in the subspace where the device multiplies it natively."""
    if settings.precision != "auto":
        return getattr(torch, settings.precision)
    return torch.bfloat16 if method == "subspace" and has_native_bfloat16(device) else torch.float32


def _best(residuals: Tensor) -> float:
    """The smallest finite first-layer residual of residuals (K, L); nan where every restart diverged."""
    first = residuals[:, 0]
    finite = first[first.isfinite()]
    return finite.min().item() if len(finite) else float("nan")
