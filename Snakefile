"""Reconstruct training data from trained neural networks (Haim et al., NeurIPS 2022).

subset -> train or adopt -> reconstruct (shards) -> deduplicate -> evaluate or inspect -> table, draw, page -> index
"""

import json
import shlex
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")

PACKAGE = f"{workflow.basedir}/workflow"

shell.prefix(f"set -euo pipefail; export PYTHONPATH={shlex.quote(PACKAGE)}; ")
sys.path.insert(0, PACKAGE)

from reconstruction.configuration import AdoptedModel, Model, parsing, targets
from reconstruction.configuration.differences import differences
from reconstruction.data import sources
from reconstruction.errors import UserError
from reconstruction.files import layout


configfile: "config.yaml"


try:
    CONFIGURATION = parsing.load(config, workflow.configfiles)
    for word in sys.argv[1:]:  # targets among them, of which Snakemake tells a Snakefile nothing
        targets.check(CONFIGURATION, word)
except UserError as error:
    raise WorkflowError(str(error)) from None


container: CONFIGURATION.container


report: "workflow/report/workflow.rst"


wildcard_constraints:
    dataset="[^/]+",
    model="[^/]+",
    sweep="[^/]+",
    shard="[0-9]+",


include: "workflow/rules/subset.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/adopt.smk"
include: "workflow/rules/scramble.smk"
include: "workflow/rules/reconstruct.smk"
include: "workflow/rules/deduplicate.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/inspect.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/page.smk"
include: "workflow/rules/table.smk"
include: "workflow/rules/index.smk"


rule all:
    default_target: True
    input:
        f"results/{layout.TABLE}",
        f"results/{layout.INDEX}",
        [layout.result(layout.PAGE, **experiment.names) for experiment in CONFIGURATION.experiments],
        [
            layout.result(layout.IMAGES if experiment.dataset else layout.REPRESENTATIVES, **experiment.names)
            for experiment in CONFIGURATION.experiments
        ],
