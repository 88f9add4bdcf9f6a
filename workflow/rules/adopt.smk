# Needs weights that were trained elsewhere, and the subset where there is one. Makes the model in place of training.


rule adopt:
    input:
        subset="results/{dataset}/subset.h5",
        weights=lambda wildcards: CONFIGURATION.models[wildcards.model].weights,
        mean=lambda wildcards: CONFIGURATION.models[wildcards.model].mean_file,
    output:
        model="results/{dataset}/{model}/model.h5",
        training="results/{dataset}/{model}/training.h5",
    log:
        "logs/{dataset}/{model}/adopt.log",
    wildcard_constraints:
        dataset="(?!no-images/)[^/]+",
        model=CONFIGURATION.models_of(AdoptedModel),
    params:
        settings=lambda wildcards: CONFIGURATION.models[wildcards.model].to_json(),
    shell:
        "python -m reconstruction adopt --settings {params.settings:q} --threads {threads} --weights={input.weights:q}"
        " --subset {input.subset:q} --model {output.model:q} --training {output.training:q} 2>&1 | tee {log:q}"


rule adopt_without_images:
    input:
        weights=lambda wildcards: CONFIGURATION.models[wildcards.model].weights,
        mean=lambda wildcards: CONFIGURATION.models[wildcards.model].mean_file,
    output:
        "results/no-images/{model}/model.h5",
    log:
        "logs/no-images/{model}/adopt.log",
    wildcard_constraints:
        model=CONFIGURATION.models_of(AdoptedModel),
    params:
        settings=lambda wildcards: CONFIGURATION.models[wildcards.model].to_json(),
    shell:
        "python -m reconstruction adopt --settings {params.settings:q} --threads {threads} --weights={input.weights:q}"
        " --model {output:q} 2>&1 | tee {log:q}"
