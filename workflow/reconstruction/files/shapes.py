"""What the arrays of each kind of file are: their type, and lengths by name; one name is one length.

Whoever reads a file may rely on it. An array that is not named here is not looked at; of one that is missing, whoever
asks for it tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np

Arrays = Mapping[str, np.ndarray]

KINDS = {"float": "f", "number": "fiu", "whole": "iu", "boolean": "b", "text": "SUO"}
OF_A_SUBSET = {  # of public images, if there are any, neither classes nor labels
    f"{part}/{name}": f"{words.format(part=part)}"
    for part in ("training", "held_out", "test", "public")
    for name, words in (
        ("images", "float {part} channels height width or float {part} inputs"),
        ("pictures", "float {part} {part}_colours {part}_lines {part}_columns"),
        ("names", "text {part}"),
        ("classes", "whole {part}"),
        ("labels", "number {part}"),
        ("source_index", "whole {part}"),
    )
}
OF_MATCHES = {
    f"{part}/{name}": words.format(part=part)
    for part in ("training", "held_out")
    for name, words in (
        ("shown", "float shown_{part} channels height width"),
        ("stretched", "float shown_{part} channels height width"),
        ("labels", "number {part}"),
        ("*hit", "boolean {part}"),
        ("reconstructed*", "boolean {part}"),
        ("nearest_candidate", "whole {part}"),
        ("one_to_one_representative", "whole {part}"),
        ("ssim_candidate", "whole {part}"),
        ("source_index", "whole {part}"),
        ("*", "float {part}"),
    )
}
OF_NEIGHBOURS = {
    f"{whose}/public_{name}": words.format(whose=whose)
    for whose in ("training", "held_out", "representatives")
    for name, words in (
        ("names", "text named_{whose} neighbours"),
        ("cosines", "float named_{whose} neighbours"),
        ("shown", "float named_{whose} neighbours public_colours public_lines public_columns"),
    )
}
MEAN = "float channels height width or float inputs"  # of images, or of vectors
OF_A_SPACE = {"basis": "float coordinates inputs"}
OF_A_TRACE = {"trace/iterations": "whole moments", "trace/residuals": "float restarts moments layers"}

# A kind of values, then lengths, or others of another number; the first pattern that a name fits counts.
SHAPES: dict[str, dict[str, str]] = {
    "subset": {"mean": MEAN, "std": "float inputs", **OF_A_SUBSET},
    "model": {
        "mean": MEAN,
        "weights/1": "float units inputs",
        "activation": "text",
        "negative_slope": "float",
        "regression": "float",
    },
    "training": {
        "accuracy/*": "float",
        "error/*": "float",
        "curve/step": "whole records",
        "curve/*": "float records",
        "margins": "float training",
        "on_margin": "boolean training",
        "*_lambdas": "float training",
        "*_residuals": "float layers",
        "squared_norms": "float layers",
    },
    "shard": {
        **OF_A_SPACE,
        **OF_A_TRACE,
        "restart": "whole restarts",
        "diverged": "boolean restarts",
        "hyperparameters/*": "number restarts",
        "candidates": "float restarts candidates coordinates",
        "lambdas": "float restarts candidates",
        "labels": "whole candidates",
        "solutions/gap": "float solutions",
        "solutions/gates": "float solutions rows",
        "solutions/factors": "float solutions responses",
        "solutions/*": "float solutions columns",
    },
    "candidates": {
        **OF_A_SPACE,
        "candidates/coordinates": "float candidates coordinates",
        "candidates/lambda": "float candidates",
        "candidates/*": "whole candidates",
        "representatives/coordinates": "float representatives coordinates",
        "representatives/support": "whole representatives",
        "representatives/*": "float representatives",
        "restarts/restart": "whole restarts",
        "restarts/diverged": "boolean restarts",
        "restarts/hyperparameters/*": "number restarts",
        **{f"restarts/{name}": shape for name, shape in OF_A_TRACE.items()},
        "shards/*": "text shards",
    },
    "evaluation": {
        **OF_NEIGHBOURS,
        **OF_MATCHES,
        "mean": "float inputs",  # of vectors
        "std": "float inputs",
        "representatives/ncc": "float representatives",
        "representatives/nearest_image": "whole representatives",
        "representatives/shown": "float shown channels height width",
        "restarts/hits": "whole sound_restarts",  # those that have not diverged
        "scrambled/ncc": "float draws training",
        "shuffled/ncc": "float draws training",
        **dict.fromkeys(("scrambled/excess", "shuffled/excess"), "float excess_draws training"),
        "other_labels/excess": "float training",
        "mean_image/ssim3": "float training",
        "growth/restarts": "whole sizes",
        "growth/*": "float sizes quantiles",
        **dict.fromkeys(("row", "intervals", "controls"), "text"),
    },
    "inspection": {
        **{name: shape for name, shape in OF_NEIGHBOURS.items() if name.startswith("representatives/")},
        "representatives/shown": "float shown channels height width",
        "squared_norms": "float layers",
        "row": "text",
    },
    "progress": {},
}
NEVER_NONE = {"channels", "height", "width", "inputs", "units", "layers", "records", "moments", "restarts"}
NEVER_NONE |= {"training", "public"}
FINITE = {"basis", "mean", "std", "squared_norms", "true_residuals"}  # but of a model, whose own reader tells
FINITE |= {name for name in OF_A_SUBSET if name.endswith(("images", "pictures", "labels"))}
FINITE |= {"candidates/coordinates", "representatives/coordinates"}
INDICES = {  # whole numbers that count along a length
    "candidates/cluster": "representatives",
    "representatives/nearest_image": "training",
}


def lengths(kind: str, arrays: Arrays) -> dict[str, int]:
    """The lengths of a file's arrays by name; raises ValueError of an array that is of another type or shape."""
    found: dict[str, int] = {}
    for name, array in arrays.items():
        shape = next((shape for pattern, shape in SHAPES[kind].items() if fnmatchcase(name, pattern)), None)
        if shape is None:
            continue
        alternatives = [alternative.split() for alternative in shape.split(" or ")]
        values, *words = next((found for found in alternatives if len(found) == array.ndim + 1), alternatives[0])
        if array.dtype.kind not in KINDS[values] or array.ndim != len(words):
            raise ValueError(f"its {name} is of type {array.dtype} and shape {array.shape}, not {shape}")
        for word, length in zip(words, array.shape, strict=True):
            own = "inputs" if word == "coordinates" and "basis" not in arrays else word
            if found.setdefault(own, length) != length or (not length and own in NEVER_NONE):
                raise ValueError(f"its {name} has {length} {own.replace('_', ' ')}, not {found[own] or 'one at least'}")
        if name in FINITE and kind != "model" and not np.isfinite(array).all():
            raise ValueError(f"its {name} has values that are no finite numbers")
    if kind == "model":
        found["layers"] = sum(fnmatchcase(name, "weights/[0-9]*") for name in arrays)
    for name, word in INDICES.items():
        if name in arrays and not ((arrays[name] >= 0) & (arrays[name] < found.get(word, 0))).all():
            raise ValueError(f"its {name} counts beyond the {word}")
    return found
