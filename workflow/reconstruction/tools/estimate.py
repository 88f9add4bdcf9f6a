"""What the experiments of a configuration will take on this device, from a few real iterations of each at its size.

An estimate: iterations are timed on the machine as it is now, with one job at a time, and it knows nothing of queues.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import torch
from torch import Tensor

from ..attack.plan import NoGates, choose, gates
from ..attack.search.priors import Pixels
from ..attack.search.starts import draw
from ..configuration import Configuration, Experiment, LogLossSchedule, Model, Sweep
from ..errors import UserError
from ..machine.progress import Progress
from ..models.mlp import Network
from ..models.softmax import family_of
from ..shards.batches import prepare, product_dtype, search_in_batches
from ..shards.capacity import bytes_per_restart, restarts_at_once
from ..training import settling
from ..training.descent import descend
from ..training.fit import begin
from .stand_in import images_of, network_of, outputs_of
from .status import duration

TIMED_SECONDS = 2.0
GOOD_JOB_SECONDS = 30 * 60
PROFILE_SECONDS = 60 * 60  # what profiles/slurm gives a job's first attempt
BYTES_A_VALUE = 28  # of a shard's candidates: drawn in float64, stacked and scaled; or found, kept and written
SPAN_COPIES = 6  # of the first layer, in float64, that finding its row space takes
FLOAT32 = 4
GATE_COPIES = 12  # of a batch's products with the weights, alive at once


@dataclass(frozen=True)
class Estimate:
    """Of one experiment; seconds and bytes."""

    experiment: Experiment
    sweep: Sweep
    controls: int  # further searches of as many jobs
    training_seconds: float  # until the target of its schedule; 0 where it is trained
    merging_seconds: float  # of further searches, once all shards are gathered
    iterations: int  # of each restart
    at_once: int  # restarts in one batch
    network: Network  # that was timed, on the coordinates of the search space
    trained: bool  # or made up at the configured size
    restart_seconds: float
    job_memory: int
    batch_memory: int
    disk: int

    @property
    def job_seconds(self) -> float:
        return self.sweep.restarts.per_shard * self.restart_seconds

    def wall_seconds(self, at_once: int) -> float:
        """Of all jobs, those of controls among them, with so many at once; training comes first, merging last."""
        rounds = math.ceil((1 + self.controls) * self.sweep.shards / at_once)
        return self.training_seconds + rounds * self.job_seconds + self.merging_seconds

    @property
    def good_per_shard(self) -> int:
        """Restarts that a job of half an hour has time for."""
        return max(1, round(GOOD_JOB_SECONDS / self.restart_seconds))


def run(configuration: Configuration, device: torch.device, results: Path) -> None:
    """Print an estimate of each experiment; models that are in the results already are searched, not made up."""
    threads = torch.get_num_threads()
    print(f"Estimated on this device ({device}, {threads} CPU threads) as it is now, from a few iterations each.")
    for experiment in configuration.experiments:
        print(describe(estimate(configuration, experiment, device, results), device))


def estimate(configuration: Configuration, experiment: Experiment, device: torch.device, results: Path) -> Estimate:
    """Raises UserError where one restart exceeds the memory, or weights from elsewhere were not adopted yet."""
    process = psutil.Process().memory_info().rss
    sweep = configuration.sweeps[experiment.sweep]
    settings = sweep.restarts
    network, trained, stds = network_of(configuration, experiment, results)
    if trained and settings.method in ("auto", "exact"):
        try:
            return of_gates(configuration, experiment, network, stds)
        except NoGates as error:
            if settings.method == "exact":
                raise UserError(f"method exact: {error}", "set method to auto") from None
    attack = choose(network, settings, Pixels(torch.zeros_like(stds), stds))
    products = product_dtype(settings, attack.name, device)
    parameters = torch.promote_types(products, torch.float32)
    numbers = range(settings.per_shard)
    drawn = [draw(attack.settings, settings.seed, number) for number in numbers]
    searched, starts = prepare(attack, network, settings, numbers[:1], drawn[:1], device, products)
    fitting = restarts_at_once(searched, settings.candidates, parameters, device, attack.method.pixels)
    at_once = max(1, min(fitting, settings.per_shard))
    _, starts = prepare(attack, network, settings, numbers[:at_once], drawn[:at_once], device, products)

    def search(iterations: int) -> None:
        few = replace(attack.method, iterations=iterations, record_every=iterations)
        search_in_batches(replace(attack, method=few), searched, starts, Silence("estimate"))

    values = settings.per_shard * settings.candidates * searched.input_size
    batch = at_once * bytes_per_restart(searched, settings.candidates, parameters, attack.method.pixels)
    kept = settings.keep * settings.candidates * (searched.input_size + 1)
    span = SPAN_COPIES * 8 * network.weights[0].numel() if settings.method != "published" else 0
    return Estimate(
        experiment,
        sweep,
        len(configuration.searches(experiment)) - 1,
        0.0 if trained else training_seconds(configuration, experiment, network, device),
        0.0,
        attack.method.iterations,
        at_once,
        searched,
        trained,
        restart_seconds=attack.method.iterations * seconds_per_iteration(search) / at_once,
        job_memory=process + span + BYTES_A_VALUE * values + (batch if device.type == "cpu" else 0),
        batch_memory=batch,
        disk=int(FLOAT32 * kept * sweep.shards * settings.per_shard),
    )


def of_gates(configuration: Configuration, experiment: Experiment, network: Network, stds: Tensor) -> Estimate:
    """Of the exact attack, by one batch of starts; raises NoGates where the weights do not allow it."""
    sweep = configuration.sweeps[experiment.sweep]
    attack = gates(network, sweep.restarts, stds)
    begun = time.perf_counter()
    for _ in attack.hunt().explore([0]):
        seconds = time.perf_counter() - begun
    rows, unknowns = attack.system.rows.shape
    batch = GATE_COPIES * FLOAT32 * attack.plan.batch * rows
    return Estimate(
        experiment,
        sweep,
        len(configuration.searches(experiment)) - 1,
        0.0,
        sweep.restarts.exact.deflations * seconds,
        attack.plan.search.iterations,
        1,
        attack.space.restrict(network.to(dtype=torch.float64)),
        True,
        restart_seconds=seconds,
        job_memory=psutil.Process().memory_info().rss + batch,
        batch_memory=batch,
        disk=2 * FLOAT32 * sweep.shards * unknowns * (rows + 2 * unknowns),
    )


class Silence(Progress):
    def __call__(self, fraction: float, note: str) -> None:
        """Say nothing of work that is over in seconds."""


def seconds_per_iteration(search: Callable[[int], object]) -> float:
    """Of a search of so many iterations: what each takes, less the start and the end."""

    def seconds(iterations: int) -> float:
        begun = time.perf_counter()
        search(iterations)
        return time.perf_counter() - begun

    seconds(1)  # libraries set themselves up
    start, iterations = seconds(1), 3
    while (spent := seconds(iterations) - start) < TIMED_SECONDS:
        iterations *= 2
    return spent / (iterations - 1)


def training_seconds(
    configuration: Configuration, experiment: Experiment, network: Network, device: torch.device
) -> float:
    """Of as many steps as the schedule takes from the initial loss to its target, by a few steps at this size."""
    model, dataset = configuration.models[experiment.model], configuration.datasets[str(experiment.dataset)]
    assert isinstance(model, Model)
    training, outputs = model.training, outputs_of(dataset)
    images = images_of(dataset)
    dtype = getattr(torch, training.precision)
    generator = torch.Generator().manual_seed(model.seed)
    size = min(network.input_size, images)
    inputs = torch.randn(images, size, generator=generator).to(device, dtype)
    begun = begin(model, size, outputs, generator)
    labels = (
        family_of(begun.sizes[-1]).candidate_labels(images).to(device, dtype)
    )  # targets, too, which are not all met
    begun = begun.to(device=device, dtype=dtype)

    def few(steps: int) -> None:
        descend(begun, inputs, labels, training.model_copy(update={"steps": steps, "target_loss": 0.0}), lambda _: None)

    steps, target = training.steps, max(training.target_loss, training.weight_decay)
    if isinstance(training.schedule, LogLossSchedule) and target:
        steps = min(steps, math.ceil(max(0.0, math.log(math.log(2) / target)) / training.schedule.step))
        steps += min(settling.STEPS, training.steps - steps) if training.weight_decay else 0
    return steps * seconds_per_iteration(few)


def describe(found: Estimate, device: torch.device) -> str:
    """The estimate in a paragraph."""
    experiment, restarts, shards = found.experiment, found.sweep.restarts, found.sweep.shards
    cores = max(1, (psutil.cpu_count() or 1) // torch.get_num_threads()) if device.type == "cpu" else 1
    basis = "its trained model" if found.trained else "a random network of its size, since it is not trained yet"
    training = "done" if found.trained else f"about {duration(found.training_seconds)}, or half as long again"
    too_long = "longer than the hour that profiles/slurm gives it: lower per_shard, or raise its runtime"
    batch = "" if device.type == "cpu" else f" and {_gib(found.batch_memory)} of {device}'s, {found.at_once} at once"
    return "\n".join(
        [
            f"\n{', '.join(experiment.names.values())}: {shards} jobs of "
            f"{restarts.per_shard} restarts, {shards * restarts.per_shard} in all, {found.iterations} iterations each",
            f"  timed on   {basis}: {found.network}, {restarts.candidates} candidates",
            f"  training   {'done' if found.trained else training}",
            *(
                ["  method     by gradients; the exact attack, tried first, can be estimated once the model is trained"]
                if not found.trained and restarts.method in ("auto", "exact")
                else []
            ),
            f"  a job      {duration(found.job_seconds)}, {_gib(found.job_memory)} of memory{batch}",
            *([f"  warning    {too_long}"] if found.job_seconds > PROFILE_SECONDS else []),
            *([f"  controls   {found.controls} further searches{_of_controls(found)}"] if found.controls else []),
            *(
                [f"  merging    up to {duration(found.merging_seconds)} of deflation, then one linear system"]
                if found.merging_seconds
                else []
            ),
            f"  all        {duration(found.wall_seconds(cores))} on this machine, {cores} jobs at once; "
            f"{duration(found.wall_seconds(1))} one after the other",
            f"  disk       {_gib(found.disk)} for shards, up to twice as much for candidates.h5",
            f"  per_shard  {found.good_per_shard} would make jobs of half an hour (a restart takes "
            f"{duration(found.restart_seconds)})",
        ]
    )


def _of_controls(found: Estimate) -> str:
    """What a control search takes; scrambled weights have lost what the exact attack reads."""
    return ", by gradients where their weights do not allow the exact attack" if found.merging_seconds else " as long"


def _gib(size: int) -> str:
    value, unit = (size / 2**30, "GiB") if size >= 2**29 else (size / 2**20, "MiB")
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
