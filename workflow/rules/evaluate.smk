# Needs everything before it, the subset among them. Makes the scores of an experiment.


rule evaluate:
    input:
        subset="results/{dataset}/subset.h5",
        model="results/{dataset}/{model}/model.h5",
        training="results/{dataset}/{model}/training.h5",
        candidates="results/{dataset}/{model}/{sweep}/candidates.h5",
        controls=lambda wildcards: sum(CONFIGURATION.control_searches(**wildcards).values(), ()),
    output:
        "results/{dataset}/{model}/{sweep}/evaluation.h5",
    log:
        "logs/{dataset}/{model}/{sweep}/evaluate.log",
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
