# Requires results/no-images/{model}/model.h5 and results/no-images/{model}/{sweep}/candidates.h5.
# Makes    results/no-images/{model}/{sweep}/inspection.h5, which stands in place of the scores.


rule inspect:
    input:
        model=f"results/{layout.MODEL}",
        candidates=f"results/{layout.CANDIDATES}",
    output:
        inspection=f"results/{layout.INSPECTION}",
    log:
        f"logs/{layout.OF_SWEEP}/inspect.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/inspect.tsv"
    wildcard_constraints:
        dataset=layout.NO_IMAGES,
    params:
        shown=CONFIGURATION.evaluation.pairs,
    shell:
        "python -m reconstruction inspect --experiment {wildcards.model:q}/{wildcards.sweep:q} --count {params.shown}"
        " --threads {threads} --model {input.model:q} --candidates {input.candidates:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
