"""What the page says of its pictures."""

import pytest
from reconstruction.evaluation.showing import RULES, best45_name
from reconstruction.report import likeness


def row(rule, training, held_out):
    """Of a rule; by the others SSIM says the contrary."""
    others = {best45_name(other, part): 0.9 * (part == "") for other in RULES for part in ("", "held_out_")}
    named = {best45_name(rule): training, best45_name(rule, "held_out_"): held_out}
    return {"n": 100, "showing": rule, **others, **named}


@pytest.mark.parametrize("rule", RULES)
def test_ssim_that_held_out_images_reach_tells_nothing(rule):
    assert likeness.sentence(row(rule, 0.58, 0.55)).endswith(
        "of the 45 best is 0.58, and of the best images never trained on, of the same share of them, 0.55: SSIM tells "
        "nothing here."
    )
    assert "nothing" not in likeness.sentence(row(rule, 0.57, 0.34))


def test_every_rule_is_told():
    assert set(likeness.RULES) == set(RULES)
