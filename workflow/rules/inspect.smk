# Needs the model and the candidates of an experiment without images. Shows what was found, in place of evaluation.

SEEN = {
    "representatives": "What the restarts agree on",
    "unexplained": "What each layer leaves unexplained",
}


rule inspect:
    input:
        model="results/no-images/{model}/model.h5",
        candidates="results/no-images/{model}/{sweep}/candidates.h5",
    output:
        inspection="results/no-images/{model}/{sweep}/inspection.h5",
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
        "logs/no-images/{model}/{sweep}/inspect.log",
    params:
        shown=CONFIGURATION.evaluation.pairs,
        figures=subpath(output.representatives, parent=True),
    shell:
        "python -m reconstruction inspect --experiment {wildcards.model:q}/{wildcards.sweep:q} --count {params.shown}"
        " --threads {threads} --model {input.model:q} --candidates {input.candidates:q}"
        " --output {output.inspection:q} --figures {params.figures:q} 2>&1 | tee {log:q}"
