# Needs the subset. Makes the model, which is all that the attack gets, and what training learnt about the truth.


rule train:
    input:
        "results/{dataset}/subset.h5",
    output:
        model="results/{dataset}/{model}/model.h5",
        training="results/{dataset}/{model}/training.h5",
    log:
        "logs/{dataset}/{model}/train.log",
    wildcard_constraints:
        model=CONFIGURATION.models_of(Model),
    params:
        settings=lambda wildcards: CONFIGURATION.models[wildcards.model].to_json(),
        device=CONFIGURATION.device,
    shell:
        "python -m reconstruction train --settings {params.settings:q} --device {params.device} --threads {threads}"
        " --subset {input:q} --model {output.model:q} --training {output.training:q} 2>&1 | tee {log:q}"
