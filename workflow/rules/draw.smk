# Needs what evaluation or inspection found, and the files that it was found in. Makes an experiment's figures.

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
        subset="results/{dataset}/subset.h5",
        training="results/{dataset}/{model}/training.h5",
        candidates="results/{dataset}/{model}/{sweep}/candidates.h5",
        evaluation="results/{dataset}/{model}/{sweep}/evaluation.h5",
    output:
        figures=[
            report(
                f"results/{{dataset}}/{{model}}/{{sweep}}/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="{dataset}",
                subcategory="{model}, {sweep}",
                labels={"figure": title},
            )
            for figure, title in FIGURES.items()
        ],
        vectors=[f"results/{{dataset}}/{{model}}/{{sweep}}/figures/{figure}.pdf" for figure in FIGURES],
        images="results/{dataset}/{model}/{sweep}/figures/images.csv",
        pairs=directory("results/{dataset}/{model}/{sweep}/figures/pairs"),
    log:
        "logs/{dataset}/{model}/{sweep}/draw.log",
    params:
        figures=subpath(output.images, parent=True),
    shell:
        "python -m reconstruction draw --subset {input.subset:q} --training {input.training:q}"
        " --candidates {input.candidates:q} --evaluation {input.evaluation:q}"
        " --figures {params.figures:q} 2>&1 | tee {log:q}"


rule draw_without_images:
    input:
        candidates="results/no-images/{model}/{sweep}/candidates.h5",
        inspection="results/no-images/{model}/{sweep}/inspection.h5",
    output:
        figures=[
            report(
                f"results/no-images/{{model}}/{{sweep}}/figures/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="no images",
                subcategory="{model}, {sweep}",
                labels={"figure": title},
            )
            for figure, title in SEEN.items()
        ],
        vectors=[f"results/no-images/{{model}}/{{sweep}}/figures/{figure}.pdf" for figure in SEEN],
        representatives="results/no-images/{model}/{sweep}/figures/representatives.csv",
        restarts="results/no-images/{model}/{sweep}/figures/restarts.csv",
    log:
        "logs/no-images/{model}/{sweep}/draw.log",
    params:
        figures=subpath(output.representatives, parent=True),
    shell:
        "python -m reconstruction draw --candidates {input.candidates:q} --inspection {input.inspection:q}"
        " --figures {params.figures:q} 2>&1 | tee {log:q}"
