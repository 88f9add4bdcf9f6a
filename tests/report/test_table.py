"""The table as programs read it: every quantity, and the settings in which experiments differ."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.files import layout, store
from reconstruction.report.row import EXPERIMENT
from reconstruction.report.table import FIRST, files, first


@pytest.fixture
def evaluation(tmp_path):
    row = {**dict.fromkeys(EXPERIMENT, "x"), **dict.fromkeys(COLUMNS, 3), "network": "20-6-1"}
    texts = {"row": row, "controls": {}, "intervals": {}}
    arrays = {name: np.array(json.dumps(values)) for name, values in texts.items()}
    facts = {"timings": [["train", "cpu", 1.0]]}
    return store.write(tmp_path / "e.h5", "evaluation", arrays, settings_json="{}", facts=facts)


def table(evaluations, settings=()):
    return pd.read_csv(io.StringIO(files(evaluations, [], settings)[layout.TABLE]))


def test_the_csv_has_every_column(evaluation):
    assert table([evaluation]).columns.tolist() == [*EXPERIMENT, *COLUMNS]


def test_settings_stand_before_the_quantities_and_one_that_is_lacking_is_empty(evaluation):
    settings = [{"model.seed": 1}, {"model.seed": 2, "sweep.restarts.method": "exact"}]
    found = table([evaluation, evaluation], settings)
    assert found.columns.tolist() == [*EXPERIMENT, "model.seed", "sweep.restarts.method", *COLUMNS]
    assert found["model.seed"].tolist() == [1, 2]
    assert found["sweep.restarts.method"].isna().tolist() == [True, False]
    assert first(found.columns) == [*EXPERIMENT, "model.seed", "sweep.restarts.method", *FIRST[3:]]
    assert len(FIRST) == 12


@pytest.mark.parametrize(
    "values", [["all", 30, None], [0.5, None, 0], ["[20, 10]", "all", 5], [0.5, "mean.npy", "[0.4, 0.5, 0.6]"]]
)
def test_a_setting_may_be_a_number_here_and_a_text_there(values, evaluation):
    settings = [{} if value is None else {"dataset.per_label": value} for value in values]
    found = files([evaluation] * 3, [], settings)
    cells = pd.read_csv(io.StringIO(found[layout.TABLE]), dtype=str)["dataset.per_label"].tolist()
    assert [None if cell != cell else cell for cell in cells] == [None if v is None else str(v) for v in values]
