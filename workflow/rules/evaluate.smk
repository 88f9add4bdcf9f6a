# Requires results/{dataset}/subset.h5, which no rule after training opens but this, draw and page,
#          results/{dataset}/{model}/model.h5 and training.h5, results/{dataset}/{model}/{sweep}/candidates.h5, and
#          model.h5 and candidates.h5 of the control searches.
# Makes    results/{dataset}/{model}/{sweep}/evaluation.h5, the scores of an experiment.


rule evaluate:
    input:
        subset=f"results/{layout.SUBSET}",
        model=f"results/{layout.MODEL}",
        training=f"results/{layout.TRAINING}",
        candidates=f"results/{layout.CANDIDATES}",
        controls=lambda wildcards: sum(CONFIGURATION.control_searches(**wildcards).values(), ()),
    output:
        evaluation=f"results/{layout.EVALUATION}",
    log:
        f"logs/{layout.OF_SWEEP}/evaluate.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/evaluate.tsv"
    params:
        settings=CONFIGURATION.evaluation.to_json(),
        controls=lambda wildcards: [
            option
            for name, paths in CONFIGURATION.control_searches(**wildcards).items()
            for option in ("--control", name, *paths)
        ],
    shell:
        "python -m reconstruction evaluate --settings {params.settings:q} --threads {threads}"
        " --experiment {wildcards.dataset:q}/{wildcards.model:q}/{wildcards.sweep:q}"
        " --subset {input.subset:q} --model {input.model:q} --training {input.training:q}"
        " --candidates {input.candidates:q} {params.controls:q} --output {output:q} 2>&1 | tee {log:q}"
