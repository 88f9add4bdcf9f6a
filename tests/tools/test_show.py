"""What `show` prints of a table: verdicts first, then twelve columns; one of another version is refused."""

import pandas as pd
import pytest
from reconstruction.errors import UserError
from reconstruction.evaluation.quantities import COLUMNS
from reconstruction.report.row import EXPERIMENT
from reconstruction.report.table import FIRST
from reconstruction.report.verdict import headline
from reconstruction.tools.show import show
from reconstruction.training.verdict import FAILS


def table_of(folder, columns):
    row = {**dict.fromkeys(EXPERIMENT, "x"), **dict.fromkeys(COLUMNS, 3), "condition": FAILS, "membership_by": "lambda"}
    pd.DataFrame([row])[columns].to_csv(folder / "table.csv", index=False)
    return row


def test_the_verdict_comes_first_and_then_the_first_columns(tmp_path, capsys):
    row = table_of(tmp_path, [*EXPERIMENT, *COLUMNS])
    show(tmp_path)
    said = capsys.readouterr().out
    assert said.startswith(headline(row))
    assert f"page:    {tmp_path}/x/x/x/report.html" in said
    shown = [line.split()[0] for line in said.splitlines()[-(len(FIRST) - len(EXPERIMENT)) :]]
    assert shown == [name for name in FIRST if name not in EXPERIMENT]


def test_a_table_of_another_version_is_refused(tmp_path):
    table_of(tmp_path, [*EXPERIMENT, *(name for name in COLUMNS if name != "membership_by")])
    with pytest.raises(UserError, match=r"table\.csv: has no column membership_by"):
        show(tmp_path)
