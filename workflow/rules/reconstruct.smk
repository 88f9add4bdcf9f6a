# Requires results/{dataset}/{model}/model.h5 and, of public images, what the prior `spectrum` is to look at.
# Makes    results/{dataset}/{model}/{sweep}/shards/{shard}.h5, restarts of a sweep on one device.


rule reconstruct:
    input:
        model=f"results/{layout.MODEL}",
        public=lambda wildcards: CONFIGURATION.sweeps[wildcards.sweep].restarts.files,
    output:
        shard=f"results/{layout.SHARD}",
    log:
        f"logs/{layout.OF_SHARD}.log",
    benchmark:
        f"logs/{layout.OF_SHARD}.tsv"
    resources:
        gpu=int(CONFIGURATION.device != "cpu"),
    params:
        settings=lambda wildcards: CONFIGURATION.sweeps[wildcards.sweep].restarts.to_json(),
        device=CONFIGURATION.device,
    shell:
        "python -m reconstruction reconstruct --settings {params.settings:q} --device {params.device} --threads {threads}"
        " --model {input.model:q} --shard {wildcards.shard} --output {output:q} 2>&1 | tee {log:q}"
