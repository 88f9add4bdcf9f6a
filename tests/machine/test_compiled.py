"""Functions compiled, and what is said where that fails. By aot_eager, which needs no compiler of C++."""

import functools

import pytest
import torch
from reconstruction.attack.search.stationarity import stationarity
from reconstruction.machine.compiled import compiled
from science_helpers import normal, random_network, relative, uniform

COMPILE = torch.compile


def test_where_compiling_fails_that_is_said_once(monkeypatch, capsys):
    def fail(function, **options):
        def call(*arguments):
            raise RuntimeError("Failed to find C compiler.\nPlease specify one via CC")

        return call

    monkeypatch.setattr(torch, "compile", fail)
    double = compiled(lambda value: 2 * value)
    assert [double(1), double(2)] == [2, 4]
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "torch.compile failed (Failed to find C compiler. Please specify one via CC); going on without" in said


def test_what_the_function_itself_raises_stays(monkeypatch, capsys):
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    with pytest.raises(ZeroDivisionError):
        compiled(lambda value: 1 / value)(0)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_stationarity_term_compiles_whole(monkeypatch, capsys, activation, outputs):
    """For several shapes in turn, as of a last batch that is smaller."""
    monkeypatch.setattr(torch, "compile", functools.partial(COMPILE, backend="aot_eager", fullgraph=True))
    fast = compiled(stationarity)
    network = random_network(6, [5, 4], later_biases=True, outputs=outputs, activation=activation)
    for count in (3, 2):
        candidates, lambdas, alpha = normal(count, 8, 6), uniform(count, 8), 50 * uniform(count)
        given = (network, candidates, lambdas, network.family.candidate_labels(8).double(), alpha, (1.0, 0.5, 1.0))
        found, expected = fast(*given), stationarity(*given)
        for name in vars(expected):
            assert relative(getattr(found, name), getattr(expected, name)) < 1e-12
    assert not capsys.readouterr().out
