# Requires results/{dataset}/{model}/{sweep}/evaluation.h5, or inspection.h5 where there are no images, and what it was
#          made from: subset.h5, training.h5, candidates.h5.
# Makes    results/{dataset}/{model}/{sweep}/figures/, an experiment's figures and its tables of images or restarts.

FIGURES = {
    "training_pairs": "Best pairs",
    "held_out_pairs": "The same for images never trained on",
    "margin": "Quality against margin",
    "hyperparameters": "Quality against hyperparameters",
    "residuals": "What each layer leaves unexplained",
}

SEEN = {
    "representatives": "What the restarts agree on",
    "unexplained": "What each layer leaves unexplained",
}


rule draw:
    input:
        subset=f"results/{layout.SUBSET}",
        training=f"results/{layout.TRAINING}",
        candidates=f"results/{layout.CANDIDATES}",
        evaluation=f"results/{layout.EVALUATION}",
    output:
        figures=[
            report(
                f"results/{layout.FIGURES}/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="{dataset}",
                subcategory="{model}, {sweep}",
                labels={"figure": title},
            )
            for figure, title in FIGURES.items()
        ],
        vectors=[f"results/{layout.FIGURES}/{figure}.pdf" for figure in FIGURES],
        images=f"results/{layout.IMAGES}",
        pairs=directory(f"results/{layout.PAIRS}"),
    log:
        f"logs/{layout.OF_SWEEP}/draw.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/draw.tsv"
    params:
        figures=subpath(output.images, parent=True),
    shell:
        "python -m reconstruction draw --subset {input.subset:q} --training {input.training:q}"
        " --candidates {input.candidates:q} --evaluation {input.evaluation:q}"
        " --figures {params.figures:q} 2>&1 | tee {log:q}"


rule draw_without_images:
    input:
        candidates=f"results/{layout.CANDIDATES}",
        inspection=f"results/{layout.INSPECTION}",
    output:
        figures=[
            report(
                f"results/{layout.FIGURES}/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="no images",
                subcategory="{model}, {sweep}",
                labels={"figure": title},
            )
            for figure, title in SEEN.items()
        ],
        vectors=[f"results/{layout.FIGURES}/{figure}.pdf" for figure in SEEN],
        representatives=f"results/{layout.REPRESENTATIVES}",
        restarts=f"results/{layout.RESTARTS}",
    log:
        f"logs/{layout.OF_SWEEP}/draw.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/draw.tsv"
    wildcard_constraints:
        dataset=layout.NO_IMAGES,
    params:
        figures=subpath(output.representatives, parent=True),
    shell:
        "python -m reconstruction draw --candidates {input.candidates:q} --inspection {input.inspection:q}"
        " --figures {params.figures:q} 2>&1 | tee {log:q}"
