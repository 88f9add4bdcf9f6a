# Requires weights that were trained elsewhere, mean and std if they are files, and results/{dataset}/subset.h5.
# Makes    results/{dataset}/{model}/model.h5 and training.h5 beside it, in place of training; where there are no
#          images, results/no-images/{model}/model.h5 alone.


rule adopt:
    input:
        subset=f"results/{layout.SUBSET}",
        weights=lambda wildcards: CONFIGURATION.models[wildcards.model].weights,
        normalisation=lambda wildcards: CONFIGURATION.models[wildcards.model].input_files,
    output:
        model=f"results/{layout.MODEL}",
        training=f"results/{layout.TRAINING}",
    log:
        f"logs/{layout.OF_MODEL}/adopt.log",
    benchmark:
        f"logs/{layout.OF_MODEL}/adopt.tsv"
    wildcard_constraints:
        dataset=f"(?!{layout.NO_IMAGES}/)[^/]+",
        model=CONFIGURATION.pattern_of(AdoptedModel),
    params:
        settings=lambda wildcards: CONFIGURATION.models[wildcards.model].to_json(),
    shell:
        "python -m reconstruction adopt --settings {params.settings:q} --threads {threads} --weights={input.weights:q}"
        " --subset {input.subset:q} --model {output.model:q} --training {output.training:q} 2>&1 | tee {log:q}"


rule adopt_without_images:
    input:
        weights=lambda wildcards: CONFIGURATION.models[wildcards.model].weights,
        normalisation=lambda wildcards: CONFIGURATION.models[wildcards.model].input_files,
    output:
        model=f"results/{layout.MODEL}",
    log:
        f"logs/{layout.OF_MODEL}/adopt.log",
    benchmark:
        f"logs/{layout.OF_MODEL}/adopt.tsv"
    wildcard_constraints:
        dataset=layout.NO_IMAGES,
        model=CONFIGURATION.pattern_of(AdoptedModel),
    params:
        settings=lambda wildcards: CONFIGURATION.models[wildcards.model].to_json(),
    shell:
        "python -m reconstruction adopt --settings {params.settings:q} --threads {threads} --weights={input.weights:q}"
        " --model {output:q} 2>&1 | tee {log:q}"
