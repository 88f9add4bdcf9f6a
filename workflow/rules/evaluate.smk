# Needs everything before it, and alone opens the subset again. Makes the scores and the figures of an experiment.

FIGURES = {
    "training_pairs": "Best pairs",
    "held_out_pairs": "The same for images never trained on",
    "margin": "Quality against margin",
    "hyperparameters": "Quality against hyperparameters",
    "residuals": "What each layer leaves unexplained",
}


rule evaluate:
    input:
        subset="results/{dataset}/subset.h5",
        model="results/{dataset}/{model}/model.h5",
        training="results/{dataset}/{model}/training.h5",
        candidates="results/{dataset}/{model}/{sweep}/candidates.h5",
        controls=lambda wildcards: sum(CONFIGURATION.control_searches(**wildcards).values(), ()),
    output:
        evaluation="results/{dataset}/{model}/{sweep}/evaluation.h5",
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
        "logs/{dataset}/{model}/{sweep}/evaluate.log",
    params:
        settings=CONFIGURATION.evaluation.to_json(),
        figures=subpath(output.images, parent=True),
        controls=lambda wildcards: [
            option
            for name, paths in CONFIGURATION.control_searches(**wildcards).items()
            for option in ("--control", name, *paths)
        ],
    shell:
        "python -m reconstruction evaluate --settings {params.settings:q} --threads {threads}"
        " --experiment {wildcards.dataset:q}/{wildcards.model:q}/{wildcards.sweep:q}"
        " --subset {input.subset:q} --model {input.model:q} --training {input.training:q}"
        " --candidates {input.candidates:q} {params.controls:q} --output {output.evaluation:q}"
        " --figures {params.figures:q} 2>&1 | tee {log:q}"
