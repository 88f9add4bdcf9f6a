# Needs everything that an experiment made. Makes its page: one HTML file that opens from disk.


rule page:
    input:
        subset="results/{dataset}/subset.h5",
        model="results/{dataset}/{model}/model.h5",
        training="results/{dataset}/{model}/training.h5",
        candidates="results/{dataset}/{model}/{sweep}/candidates.h5",
        evaluation="results/{dataset}/{model}/{sweep}/evaluation.h5",
    output:
        "results/{dataset}/{model}/{sweep}/report.html",
    log:
        "logs/{dataset}/{model}/{sweep}/page.log",
    shell:
        "python -m reconstruction page --subset {input.subset:q} --model {input.model:q} --training {input.training:q}"
        " --candidates {input.candidates:q} --evaluation {input.evaluation:q} --output {output:q} 2>&1 | tee {log:q}"


rule page_without_images:
    input:
        model="results/no-images/{model}/model.h5",
        candidates="results/no-images/{model}/{sweep}/candidates.h5",
        inspection="results/no-images/{model}/{sweep}/inspection.h5",
    output:
        "results/no-images/{model}/{sweep}/report.html",
    log:
        "logs/no-images/{model}/{sweep}/page.log",
    shell:
        "python -m reconstruction page --model {input.model:q} --candidates {input.candidates:q}"
        " --inspection {input.inspection:q} --output {output:q} 2>&1 | tee {log:q}"
