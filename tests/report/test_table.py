"""The table as a page: twelve columns at first, all of them on request, complete as CSV."""

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.files import layout, store
from reconstruction.report.row import EXPERIMENT
from reconstruction.report.table import FIRST, files
from reconstruction.training.verdict import FAILS


@pytest.fixture
def written(tmp_path):
    row = {
        "dataset": "f<a>ces", "model": "m", "sweep": "s", **dict.fromkeys(COLUMNS, 3), "condition": FAILS,
        "network": "20-6-1", "membership_by": "lambda", "method": "exact",
    }  # fmt: skip
    texts = {"row": row, "controls": {}, "intervals": {}}
    arrays = {name: np.array(json.dumps(values)) for name, values in texts.items()}
    facts = {"timings": [["train", "cpu", 1.0]]}
    return files([store.write(tmp_path / "e.h5", "evaluation", arrays, settings_json="{}", facts=facts)], [])


def test_twelve_columns_stand_first_and_none_is_lost(written):
    headers = re.findall(r'<th scope="col" class="([^"]*)" title="([^"]*)">([^<]*)</th>', written[layout.TABLE_HTML])
    names = [name.replace("_\u200b", "_") for _, _, name in headers]
    assert tuple(names[:12]) == FIRST
    assert len(FIRST) == 12
    assert sorted(names) == sorted([*EXPERIMENT, *COLUMNS])
    assert ["further" in classes for classes, _, _ in headers] == [False] * 12 + [True] * (len(names) - 12)
    assert all(meaning for (_, meaning, _), name in zip(headers, names, strict=True) if name not in EXPERIMENT)


def test_the_csv_has_every_column(written):
    assert pd.read_csv(io.StringIO(written[layout.TABLE])).columns.tolist() == [*EXPERIMENT, *COLUMNS]


def test_the_verdict_stands_before_the_numbers_and_names_are_text(written):
    text = written[layout.TABLE_HTML]
    assert text.index("since what it assumes does not hold") < text.index("<table")
    assert "f&lt;a&gt;ces" in text
    assert "<a>" not in text
    assert "<script" not in text
