"""Matching against numpy's correlations and a plain SSIM."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.evaluation import matching
from reconstruction.evaluation.matching import (
    assign_one_to_one,
    nearest_by_channel,
    nearest_by_ncc,
    reconstructions,
    standardise,
)
from reconstruction.evaluation.showing import Showing, stretch
from science_helpers import normal, properties, uniform
from scipy.ndimage import correlate1d
from scipy.optimize import linear_sum_assignment


def correlations(images, candidates):
    return np.corrcoef(images, candidates)[: len(images), len(images) :]


@properties
@given(st.integers(1, 9), st.integers(1, 9), st.integers(3, 30), st.integers(0, 999), st.floats(-50, 50))
def test_ncc_is_numpys_correlation_of_the_nearest_candidate(count, many, size, seed, offset):
    images, candidates = normal(count, size, seed=seed), offset + 7 * normal(many, size, seed=seed + 1)
    expected = correlations(images, candidates)
    found = nearest_by_ncc(images.float(), candidates.float())
    assert found.score == pytest.approx(expected.max(1), abs=1e-4)
    assert expected[np.arange(count), found.index] == pytest.approx(expected.max(1), abs=1e-4)


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
@pytest.mark.parametrize("constant", [0.0, 0.1, -0.7])
def test_an_image_without_variation_scores_nothing(constant, scale):
    flat, varied = torch.full((2, 3072), constant * scale), normal(3, 3072).float() * scale
    assert nearest_by_ncc(flat, varied).score.tolist() == [0, 0]
    assert nearest_by_ncc(varied, flat).score.tolist() == [0, 0, 0]


def test_ncc_is_blind_to_brightness_and_contrast():
    images, candidates = normal(4, 30).float(), normal(6, 30, seed=1).float()
    plain, changed = nearest_by_ncc(images, candidates), nearest_by_ncc(images, 3 + 0.01 * candidates)
    assert plain.index.tolist() == changed.index.tolist()
    assert changed.score == pytest.approx(plain.score, abs=1e-4)
    assert nearest_by_ncc(images, images).score == pytest.approx(1)
    assert nearest_by_ncc(images[:1], -images[:1]).score == pytest.approx(-1)


def test_ncc_counts_all_channels_together():
    image = np.concatenate([np.arange(9), 50 + np.zeros(9)])
    candidate = np.concatenate([np.arange(9), -50 + np.zeros(9)])
    found = nearest_by_ncc(torch.tensor(image[None]).float(), torch.tensor(candidate[None]).float())
    assert found.score[0] == pytest.approx(np.corrcoef(image, candidate)[0, 1], abs=1e-5)


@pytest.mark.parametrize("block", [1, 3, 10, 11])
def test_blocks_change_nothing(monkeypatch, block):
    images, candidates = normal(5, 48).float(), normal(10, 48, seed=1).float()
    whole = nearest_by_ncc(images, candidates), nearest_by_channel(images, candidates, (3, 4, 4))
    monkeypatch.setattr(matching, "BLOCK", block)
    parts = nearest_by_ncc(images, candidates), nearest_by_channel(images, candidates, (3, 4, 4))
    for found, expected in zip(parts, whole, strict=True):
        assert found.index.tolist() == expected.index.tolist()
        assert found.score == pytest.approx(expected.score, abs=1e-6)


def mean_over_channels(images, candidates):
    """NCC of (n, C, H, W) with (N, C, H, W), averaged over channels."""
    planes = [
        correlations(images[:, c].reshape(len(images), -1), candidates[:, c].reshape(len(candidates), -1))
        for c in range(images.shape[1])
    ]
    return np.mean(planes, 0)


def half_size(images):
    return torch.nn.functional.interpolate(images, scale_factor=0.5, mode="bicubic").numpy()


def test_the_published_matching_is_the_mean_ncc_of_the_channels_at_half_size():
    shape = (3, 8, 8)
    images, candidates = normal(5, *shape).float(), normal(9, *shape, seed=1).float()
    half = [
        torch.nn.functional.interpolate(part, scale_factor=0.5, mode="bicubic").numpy() for part in (images, candidates)
    ]
    expected = mean_over_channels(*half)
    found = nearest_by_channel(images.flatten(1), candidates.flatten(1), shape)
    assert found.index.tolist() == expected.argmax(1).tolist()
    assert found.score == pytest.approx(expected.max(1), abs=1e-5)


def test_the_published_matching_of_grey_images_is_plain_ncc_at_full_size():
    images, candidates = normal(5, 49).float(), normal(9, 49, seed=1).float()
    by_channel, plain = nearest_by_channel(images, candidates, (1, 7, 7)), nearest_by_ncc(images, candidates)
    assert by_channel.index.tolist() == plain.index.tolist()
    assert by_channel.score == pytest.approx(plain.score, abs=1e-6)


@properties
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 999))
def test_one_to_one_pairs_are_distinct_and_the_best_together(count, many, seed):
    images, candidates = normal(count, 12, seed=seed), normal(many, 12, seed=seed + 1)
    found = assign_one_to_one(images, candidates)
    matched = found.index >= 0
    assert matched.sum() == min(count, many)
    assert len(set(found.index[matched].tolist())) == matched.sum()
    assert (found.score[~matched] == -1).all()
    scores = np.array([[np.corrcoef(image, candidate)[0, 1] for candidate in candidates] for image in images])
    assert found.score[matched] == pytest.approx(scores[np.flatnonzero(matched), found.index[matched]])
    short, long = (scores, many) if count <= many else (scores.T, count)
    best = max(short[range(len(short)), order].sum() for order in map(list, permutations(range(long), len(short))))
    assert found.score[matched].sum() == pytest.approx(best)


def test_one_to_one_gives_a_shared_favourite_to_one_image_only():
    images = normal(2, 30)
    candidates = torch.stack([images.sum(0), images[1] + 0.1 * images[0]])
    nearest, assigned = nearest_by_ncc(images, candidates), assign_one_to_one(images, candidates)
    assert assigned.index.tolist() == [0, 1]
    assert (assigned.score <= nearest.score + 1e-6).all()


@properties
@given(st.integers(1, 12), st.integers(1, 60), st.integers(1, 61), st.integers(0, 999))
def test_one_to_one_from_each_images_nearest_is_one_to_one_from_all(count, many, block, seed):
    images, candidates = normal(count, 20, seed=seed), normal(many, 20, seed=seed + 1)
    candidates[::2] = images[0] + 0.3 * candidates[::2]  # which everyone would have
    scores = correlations(images, candidates)
    best = scores[linear_sum_assignment(scores, maximize=True)].sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "BLOCK", block)
        found = assign_one_to_one(images, candidates)
    matched = found.index >= 0
    assert matched.sum() == min(count, many)
    assert found.score[matched] == pytest.approx(scores[np.flatnonzero(matched), found.index[matched]])
    assert found.score[matched].sum() == pytest.approx(best)


def plain_ssim(first, second, window):
    """SSIM of images (C, H, W) in [0, 1] with a Gaussian window of sigma 1.5 (Wang et al. 2004), averaged."""
    taps = np.exp(-((np.arange(window) - window // 2) ** 2) / (2 * 1.5**2))

    def blur(image):
        for axis in (1, 2):
            image = correlate1d(image, taps / taps.sum(), axis=axis, mode="mirror")
        return image

    a, b = blur(first), blur(second)
    variances = blur(first**2) - a**2 + blur(second**2) - b**2
    covariance = blur(first * second) - a * b
    c1, c2 = 0.01**2, 0.03**2
    return (((2 * a * b + c1) * (2 * covariance + c2)) / ((a**2 + b**2 + c1) * (variances + c2))).mean()


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_and_l2_compare_the_image_with_mean_plus_candidate_stretched(channels):
    images, mean = uniform(4, channels, 14, 15).float().numpy(), uniform(channels, 14, 15, seed=1).float().numpy()
    candidates = normal(4, channels, 14, 15, seed=2).float().numpy() + 2 * images
    found = reconstructions(images, Showing(mean, 1.0), candidates)
    for k in range(4):
        shown = candidates[k] + mean
        shown = (shown - shown.min()) / (shown.max() - shown.min())
        assert found.images[k] == pytest.approx(shown, abs=1e-5)
        assert found.l2[k] == pytest.approx(np.sqrt(np.square(images[k] - shown).sum()), rel=1e-4)
        for window in (3, 11):
            expected = plain_ssim(images[k].astype(float), shown.astype(float), window)
            assert found.ssim[window][k] == pytest.approx(expected, abs=1e-4)


def test_a_perfect_candidate_is_perfect():
    images, mean = stretch(normal(3, 1, 12, 12).numpy()), uniform(1, 12, 12).float().numpy()
    found = reconstructions(images, Showing(mean, 1.0), images - mean)
    assert found.images == pytest.approx(images, abs=1e-6)
    assert found.l2 == pytest.approx(0, abs=1e-5)
    for score in found.ssim.values():
        assert score == pytest.approx(1, abs=1e-5)


def test_ssim_and_l2_are_symmetrical_between_stretched_images():
    first, second = stretch(normal(3, 3, 12, 12).numpy()), stretch(normal(3, 3, 12, 12, seed=1).numpy())
    nothing = Showing(np.zeros((3, 12, 12), np.float32), 1.0)
    there, back = reconstructions(first, nothing, second), reconstructions(second, nothing, first)
    assert there.l2 == pytest.approx(back.l2)
    for window, score in there.ssim.items():
        assert score == pytest.approx(back.ssim[window], abs=1e-5)
        assert (np.abs(score) < 0.5).all()


@properties
@given(st.integers(2, 40), st.integers(0, 999))
def test_standard_vectors_have_mean_zero_and_norm_one(size, seed):
    found = standardise(5 + normal(3, size, seed=seed))
    assert found.mean(-1).numpy() == pytest.approx(0, abs=1e-9)
    assert found.norm(dim=-1).numpy() == pytest.approx(1)
