"""The family of several classes against PyTorch's cross entropy and autograd."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.models.logistic import LOGISTIC
from reconstruction.models.softmax import Softmax, family_of, outputs_for
from science_helpers import classes, normal, properties


@properties
@given(st.integers(2, 6), st.integers(1, 9), st.floats(0.1, 30), st.integers(0, 99))
def test_the_loss_of_the_log_odds_is_cross_entropy(outputs, count, scale, seed):
    family, labels = Softmax(outputs), classes(count, outputs)
    found = (scale * normal(count, outputs, seed=seed)).requires_grad_()
    losses = torch.nn.functional.cross_entropy(found, labels.long(), reduction="none")
    log_odds = family.log_odds(found, labels)
    assert family.mean_loss(log_odds.detach()).item() == pytest.approx(losses.mean().item())
    (by_outputs,) = torch.autograd.grad(losses.sum(), found)
    slopes = family.slope(log_odds.detach()).unsqueeze(-1)
    torch.testing.assert_close(-slopes * family.log_odds_gradient(found.detach(), labels), by_outputs)


@properties
@given(st.integers(2, 6), st.integers(1, 9), st.integers(0, 99))
def test_gradients_of_the_log_odds_equal_autograd(outputs, count, seed):
    family, labels = Softmax(outputs), classes(count, outputs)
    found, direction = normal(count, outputs, seed=seed).requires_grad_(), normal(count, outputs, seed=seed + 1)
    (gradient,) = torch.autograd.grad(family.log_odds(found, labels).sum(), found, create_graph=True)
    torch.testing.assert_close(family.log_odds_gradient(found, labels), gradient)
    (curved,) = torch.autograd.grad((gradient * direction).sum(), found)
    torch.testing.assert_close(family.log_odds_curved(found.detach(), labels, direction), curved)
    batched = torch.stack([found, -found]).detach()
    torch.testing.assert_close(family.log_odds_gradient(batched, labels)[0], gradient.detach())


@properties
@given(st.integers(2, 6), st.integers(1, 9), st.integers(0, 99))
def test_margins_are_positive_where_the_label_has_the_largest_output(outputs, count, seed):
    labels, found = classes(count, outputs), normal(count, outputs, seed=seed)
    margins = Softmax(outputs).margins(found, labels)
    for margin, row, label in zip(margins.tolist(), found.tolist(), labels.long().tolist(), strict=True):
        own = row.pop(label)
        assert margin == own - max(row)
    assert ((margins > 0) == (found.argmax(1) == labels)).all()


@properties
@given(st.integers(2, 6), st.integers(1, 40))
def test_candidates_are_shared_out_among_the_classes(outputs, count):
    labels = Softmax(outputs).candidate_labels(count)
    counts = torch.bincount(labels.long(), minlength=outputs)
    assert labels.tolist() == sorted(labels.tolist())
    assert len(counts) == outputs
    assert counts.max() - counts.min() <= 1


def test_of_two_classes_the_margin_is_the_log_odds_and_the_difference_of_the_outputs():
    family, found, labels = Softmax(2), normal(5, 2), torch.tensor([0.0, 1, 1, 0, 1]).double()
    difference = LOGISTIC.margins((found[:, 1] - found[:, 0])[:, None], 2 * labels - 1)
    torch.testing.assert_close(family.margins(found, labels), difference)
    torch.testing.assert_close(family.log_odds(found, labels), difference)


def test_the_family_follows_from_the_outputs_and_the_outputs_from_the_labels():
    assert family_of(outputs_for(torch.tensor([-1, 1]))) is LOGISTIC
    assert list(family_of(outputs_for(torch.tensor([0, 2, 4, 1]))).labels) == [0, 1, 2, 3, 4]
