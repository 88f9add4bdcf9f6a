# Requires the data set's files, if it has any.
# Makes    results/{dataset}/subset.h5, the images to train on, to hold out and to test, and public ones.


rule subset:
    input:
        source=lambda wildcards: sources.source_files(CONFIGURATION.dataset(wildcards.dataset).source),
    output:
        subset=f"results/{layout.SUBSET}",
    log:
        f"logs/{layout.OF_DATASET}/subset.log",
    benchmark:
        f"logs/{layout.OF_DATASET}/subset.tsv"
    params:
        settings=lambda wildcards: CONFIGURATION.dataset(wildcards.dataset).to_json(),
    shell:
        "python -m reconstruction subset --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"
