# Needs the data set's files, if it has any. Makes the images to train on, to hold out and to test.


rule subset:
    input:
        lambda wildcards: sources.source_files(CONFIGURATION.dataset(wildcards.dataset).source),
    output:
        "results/{dataset}/subset.h5",
    log:
        "logs/{dataset}/subset.log",
    params:
        settings=lambda wildcards: CONFIGURATION.dataset(wildcards.dataset).to_json(),
    shell:
        "python -m reconstruction subset --settings {params.settings:q} --output {output:q} 2>&1 | tee {log:q}"
