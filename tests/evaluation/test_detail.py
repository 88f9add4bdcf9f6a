"""Detail against SciPy's transform, plain NCC and what leaves a picture as it is; excess where the truth is known."""

import numpy as np
import scipy.fft
import torch
from hypothesis import given
from hypothesis import strategies as st
from reconstruction.evaluation.chance import Chance, Shuffled
from reconstruction.evaluation.detail import DRAWS, detail, excess
from reconstruction.evaluation.discoveries import Compared
from reconstruction.evaluation.matching import nearest_by_ncc, standardise
from reconstruction.evaluation.pixels import Pixels
from reconstruction.models.deployed import Deployed
from reconstruction.models.mlp import initialise
from reconstruction.models.space import Space
from science_helpers import generator, properties, random_network, stored

SHAPES = st.tuples(st.sampled_from((1, 3)), st.integers(2, 7), st.integers(2, 7))


def pictures(shape, count=5, seed=0):
    return torch.from_numpy(
        np.random.default_rng(seed).standard_normal((count, int(np.prod(shape)))).astype(np.float32)
    )


@properties
@given(SHAPES)
def test_at_the_power_0_it_is_plain_ncc(shape):
    found, plain = detail(pictures(shape), shape, 0), standardise(pictures(shape))
    torch.testing.assert_close(found @ found.T, plain @ plain.T, atol=1e-5, rtol=0)


@properties
@given(SHAPES, st.floats(0, 1))
def test_it_is_the_weighed_cosine_transform(shape, power):
    centred = pictures(shape).double().numpy()
    waves = scipy.fft.dctn((centred - centred.mean(1, keepdims=True)).reshape(-1, *shape), axes=(2, 3), norm="ortho")
    for row in range(shape[1]):
        for column in range(shape[2]):
            waves[:, :, row, column] *= ((row / 2) ** 2 + (column / 2) ** 2 + 1 / 4) ** (power / 2)
    expected = waves.reshape(5, -1) / np.linalg.norm(waves.reshape(5, -1), axis=1, keepdims=True)
    np.testing.assert_allclose(detail(pictures(shape), shape, power), expected, atol=1e-5)


@properties
@given(SHAPES, st.floats(0, 1), st.floats(0.1, 10), st.floats(-1, 1))
def test_brightness_contrast_and_turning_change_nothing(shape, power, contrast, brightness):
    images = pictures(shape)
    found = detail(images, shape, power)
    torch.testing.assert_close(detail(contrast * images + brightness, shape, power), found, atol=1e-4, rtol=0)
    mirrored = detail(images.view(-1, *shape).flip(3).flatten(1), shape, power)
    torch.testing.assert_close(mirrored @ mirrored.T, found @ found.T, atol=1e-5, rtol=0)


def test_a_picture_without_variation_scores_nothing():
    assert (detail(torch.ones(1, 27), (3, 3, 3)) == 0).all()


def problem(seed, returned):
    """40 smooth images, of which so many come back among 50 candidates in their span, and 60 held out."""
    random, shape = np.random.default_rng(seed), (1, 12, 12)
    fall = 1 / (1 + np.hypot(*np.mgrid[:12, :12]))

    def drawn(count):
        waves = random.standard_normal((count, *shape)) * fall
        return torch.from_numpy(scipy.fft.idctn(waves, axes=(2, 3), norm="ortho").reshape(count, -1)).float()

    images, held_out = drawn(40), drawn(60)
    basis = torch.linalg.svd(images, full_matrices=False).Vh
    coordinates = images @ basis.T
    candidates = coordinates.std(0) * torch.from_numpy(random.standard_normal((50, 40))).float()
    candidates[:returned] = coordinates[:returned] + candidates[:returned] * 0.7
    model = Deployed(
        initialise(144, [5], 1.0, generator(0)).to(dtype=torch.float32), np.zeros(shape, np.float32), stored()
    )
    kept = stored(candidates__coordinates=candidates.numpy(), basis=basis.numpy())
    answer = Pixels(candidates.numpy(), Space(basis), model)
    nulls = [kind.of_candidates(kept, model, seed) for kind in (Chance, Shuffled)]
    return images, held_out, answer, nulls


def test_images_that_came_back_are_told_and_candidates_that_know_nothing_tell_none():
    found = excess(*problem(0, 20)[:3], *problem(0, 20)[3])
    compared = Compared(found.training, found.held_out, found.nulls)
    assert compared.reached["training"][:20].sum() >= 15
    assert compared.reached["training"][20:].sum() <= 2
    claims = []
    for seed in range(20):
        *given_, nulls = problem(seed, 0)
        nothing = excess(*given_, *nulls)
        claims.append(Compared(nothing.training, nothing.held_out, nothing.nulls).discovered > 0)
    assert np.mean(claims) <= 0.1


def test_each_draw_is_judged_by_all_the_others():
    images, held_out, answer, nulls = problem(1, 5)
    found = excess(images, held_out, answer, *nulls)
    scores = {
        name: [
            (detail(images, (1, 12, 12)) @ detail(null.draw(k)[:], (1, 12, 12)).T).amax(1).numpy() for k in range(DRAWS)
        ]
        for name, null in zip(("scrambled", "shuffled"), nulls, strict=True)
    }
    every = np.stack(scores["scrambled"] + scores["shuffled"])
    np.testing.assert_allclose(found.nulls["scrambled"][3], every[3] - np.delete(every, 3, 0).mean(0), atol=1e-5)
    np.testing.assert_allclose(
        found.nulls["shuffled"][2], every[DRAWS + 2] - np.delete(every, DRAWS + 2, 0).mean(0), atol=1e-5
    )
    own = (detail(images, (1, 12, 12)) @ detail(answer[:], (1, 12, 12)).T).amax(1).numpy()
    np.testing.assert_allclose(found.training, own - every.mean(0), atol=1e-5)


def test_with_other_labels_an_image_has_all_candidates_but_those_of_its_own():
    images, held_out, answer, nulls = problem(2, 30)
    random = np.random.default_rng(0)
    labels, of_candidates = random.integers(0, 3, len(images)), random.integers(0, 3, len(answer))
    found = excess(images, held_out, answer, *nulls, (labels, of_candidates))
    for label in range(3):
        own, others = labels == label, Pixels(answer.coordinates[of_candidates != label], answer.space, answer.model)
        expected = excess(images[own], held_out, others, *nulls).training
        np.testing.assert_allclose(found.other_labels[own], expected, atol=1e-5)
    for without in (None, (np.ones(len(images)), np.ones(len(answer)))):
        assert np.isnan(excess(images, held_out, answer, *nulls, without).other_labels).all()


def test_vectors_have_no_waves_and_keep_their_cosine():
    random = np.random.default_rng(0)
    images, held_out, answer = (random.standard_normal((count, 6)).astype(np.float32) for count in (4, 3, 8))
    model = Deployed(random_network(6, [5]), np.zeros(6, np.float32), stored(), np.ones(6, np.float32))
    kept = stored(candidates__coordinates=answer, basis=np.eye(6, dtype=np.float32))
    nulls = [kind.of_candidates(kept, model, 0) for kind in (Chance, Shuffled)]
    inputs, others = model.centred(images), model.centred(held_out)
    candidates = Pixels(answer, Space(torch.eye(6)), model)
    found = excess(inputs, others, candidates, *nulls)
    drawn = [nearest_by_ncc(inputs, null.draw(number)).score for null in nulls for number in range(DRAWS)]
    lengths = [np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (images, answer)]
    cosines = (images / lengths[0]) @ (answer / lengths[1]).T
    np.testing.assert_allclose(found.training, cosines.max(1) - np.mean(drawn, 0), atol=1e-5)
    assert found.held_out.shape == (3,)
