# Requires results/{dataset}/subset.h5.
# Makes    results/{dataset}/{model}/model.h5, which is all that the attack gets, and
#          results/{dataset}/{model}/training.h5, what training learnt about the truth.


rule train:
    input:
        subset=f"results/{layout.SUBSET}",
    output:
        model=f"results/{layout.MODEL}",
        training=f"results/{layout.TRAINING}",
    log:
        f"logs/{layout.OF_MODEL}/train.log",
    benchmark:
        f"logs/{layout.OF_MODEL}/train.tsv"
    wildcard_constraints:
        model=CONFIGURATION.pattern_of(Model),
    resources:
        gpu=int(CONFIGURATION.device != "cpu"),
    params:
        settings=lambda wildcards: CONFIGURATION.models[wildcards.model].to_json(),
        device=CONFIGURATION.device,
    shell:
        "python -m reconstruction train --settings {params.settings:q} --device {params.device} --threads {threads}"
        " --subset {input:q} --model {output.model:q} --training {output.training:q} 2>&1 | tee {log:q}"
