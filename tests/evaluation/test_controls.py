"""Answers that reveal nothing."""

import numpy as np
import pytest
import torch
from reconstruction.evaluation.controls import mean_image, scored
from reconstruction.evaluation.matching import nearest_by_channel, nearest_by_ncc, reconstructions
from reconstruction.evaluation.pixels import Pixels
from reconstruction.evaluation.showing import Showing
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import initialise
from reconstruction.models.space import INPUTS
from science_helpers import generator, normal, stored, uniform

SHAPE = (1, 6, 6)


@pytest.fixture
def images():
    return uniform(10, *SHAPE).float().numpy()


@pytest.fixture
def model(images):
    network = initialise(36, [50], 1.0, generator(0)).to(dtype=torch.float32)
    return Deployed(network, images.mean(0), stored())


def subset(images, held_out, **more):
    return stored(training__images=images, held_out__images=held_out, **more)


def test_an_answer_is_scored_as_a_reconstruction_is(model, images):
    drawn = normal(50, 36).float()
    chance = np.zeros((3, 10))
    control = scored(subset(images, images[::-1].copy()), model, Pixels(drawn.numpy(), INPUTS, model), chance)
    inputs = torch.from_numpy((images - model.mean).reshape(10, -1))
    assert control.ncc == pytest.approx(np.corrcoef(inputs, drawn)[:10, 10:].max(1), abs=1e-4)
    assert control.held_out_ncc == pytest.approx(control.ncc[::-1])
    assert control.scrambled_ncc is chance
    chosen = drawn[nearest_by_channel(inputs, drawn, SHAPE).index].view(-1, *SHAPE).numpy()
    expected = reconstructions(images, Showing.among(images, model.mean), chosen).by_rule
    assert control.ssim.keys() == expected.keys()
    for rule, ssim in expected.items():
        assert control.ssim[rule] == pytest.approx(ssim)


def test_the_mean_image_scores_no_ncc(model, images):
    control = mean_image(subset(images, images[:4]), model)
    assert control.ncc.tolist() == [0] * 10
    assert nearest_by_ncc(model.inputs(images), torch.zeros(1, 36)).score.tolist() == control.ncc.tolist()


def test_the_mean_image_is_shown_stretched_for_every_image(model, images):
    shown = (model.mean - model.mean.min()) / (model.mean.max() - model.mean.min())
    nothing = Showing(np.zeros(SHAPE, np.float32), 1.0)
    expected = reconstructions(images, nothing, np.broadcast_to(shown, images.shape).copy()).ssim[3]
    assert mean_image(subset(images, images[:4]), model).ssim["stretch"] == pytest.approx(expected, abs=1e-5)
    alike = np.concatenate([images[:9], shown[None]])
    assert mean_image(subset(alike, images), model).ssim["stretch"][9] == pytest.approx(1, abs=1e-4)


def test_an_answer_is_shown_at_the_contrast_of_public_images(model, images):
    pale = (images[:6] - model.mean) / 4 + model.mean
    drawn = normal(50, 36).float()
    found = subset(images, images[4:], public__images=pale)
    control = scored(found, model, Pixels(drawn.numpy(), INPUTS, model), np.zeros((3, 10)))
    inputs = torch.from_numpy((images - model.mean).reshape(10, -1))
    chosen = drawn[nearest_by_channel(inputs, drawn, SHAPE).index].view(-1, *SHAPE).numpy()
    expected = reconstructions(images, Showing.among(pale, model.mean), chosen).by_rule
    assert control.ssim["one-contrast"] == pytest.approx(expected["one-contrast"])
    other = reconstructions(images, Showing.among(images[4:], model.mean), chosen).by_rule
    assert control.ssim["one-contrast"] != pytest.approx(other["one-contrast"])
