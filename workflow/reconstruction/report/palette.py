"""Colours and labels that figures and charts share."""

# Okabe and Ito's colours, told apart by colour-blind readers.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
LAYER_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
AXIS_LABELS = {
    "learning_rate": "learning rate of x",
    "lambda_learning_rate": "learning rate of λ",
    "initial_scale": "initial scale σₓ",
    "lambda_min": "λ min",
    "alpha": "α",
}
LOG_AXES = ("learning_rate", "lambda_learning_rate", "initial_scale")
