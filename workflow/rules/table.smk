# Requires results/{dataset}/{model}/{sweep}/evaluation.h5, or inspection.h5, of every experiment.
# Makes    results/table.csv, .html, .md and .tex, and beside it intervals.csv, controls.csv and timings.csv.


rule table:
    input:
        evaluations=[
            layout.result(layout.EVALUATION, **experiment.names)
            for experiment in CONFIGURATION.experiments
            if experiment.dataset
        ],
        inspections=[
            layout.result(layout.INSPECTION, **experiment.names)
            for experiment in CONFIGURATION.experiments
            if not experiment.dataset
        ],
    output:
        csv=f"results/{layout.TABLE}",
        md=f"results/{layout.TABLE_MD}",
        tex=f"results/{layout.TABLE_TEX}",
        html=report(f"results/{layout.TABLE_HTML}", caption="../report/table.rst", category="Results table"),
        intervals=f"results/{layout.INTERVALS}",
        controls=report(f"results/{layout.CONTROLS}", caption="../report/controls.rst", category="Results table"),
        timings=f"results/{layout.TIMINGS}",
    log:
        "logs/table.log",
    benchmark:
        "logs/table.tsv"
    shell:
        "python -m reconstruction table --evaluations {input.evaluations:q} --inspections {input.inspections:q}"
        " --folder results 2>&1 | tee {log:q}"
