# Requires all files of an experiment: results/{dataset}/subset.h5, results/{dataset}/{model}/model.h5 and training.h5,
#          results/{dataset}/{model}/{sweep}/candidates.h5 and evaluation.h5; where there are no images, inspection.h5.
# Makes    results/{dataset}/{model}/{sweep}/report.html, its page: one HTML file that opens from disk.


rule page:
    input:
        subset=f"results/{layout.SUBSET}",
        model=f"results/{layout.MODEL}",
        training=f"results/{layout.TRAINING}",
        candidates=f"results/{layout.CANDIDATES}",
        evaluation=f"results/{layout.EVALUATION}",
    output:
        page=f"results/{layout.PAGE}",
    log:
        f"logs/{layout.OF_SWEEP}/page.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/page.tsv"
    shell:
        "python -m reconstruction page --subset {input.subset:q} --model {input.model:q} --training {input.training:q}"
        " --candidates {input.candidates:q} --evaluation {input.evaluation:q} --output {output:q} 2>&1 | tee {log:q}"


rule page_without_images:
    input:
        model=f"results/{layout.MODEL}",
        candidates=f"results/{layout.CANDIDATES}",
        inspection=f"results/{layout.INSPECTION}",
    output:
        page=f"results/{layout.PAGE}",
    log:
        f"logs/{layout.OF_SWEEP}/page.log",
    benchmark:
        f"logs/{layout.OF_SWEEP}/page.tsv"
    wildcard_constraints:
        dataset=layout.NO_IMAGES,
    shell:
        "python -m reconstruction page --model {input.model:q} --candidates {input.candidates:q}"
        " --inspection {input.inspection:q} --output {output:q} 2>&1 | tee {log:q}"
