# Requires results/{dataset}/{model}/{sweep}/evaluation.h5, or inspection.h5, of every experiment.
# Makes    results/table.csv, .md and .tex, and beside it intervals.csv, controls.csv and timings.csv.

EVALUATED = [experiment for experiment in CONFIGURATION.experiments if experiment.dataset]
INSPECTED = [experiment for experiment in CONFIGURATION.experiments if not experiment.dataset]
EVALUATIONS = [layout.result(layout.EVALUATION, **experiment.names) for experiment in EVALUATED]
INSPECTIONS = [layout.result(layout.INSPECTION, **experiment.names) for experiment in INSPECTED]
DIFFERENCES = [json.dumps(differences(CONFIGURATION)[experiment]) for experiment in EVALUATED + INSPECTED]


rule table:
    input:
        evaluations=EVALUATIONS,
        inspections=INSPECTIONS,
    output:
        csv=f"results/{layout.TABLE}",
        md=f"results/{layout.TABLE_MD}",
        tex=f"results/{layout.TABLE_TEX}",
        intervals=f"results/{layout.INTERVALS}",
        controls=report(f"results/{layout.CONTROLS}", caption="../report/controls.rst", category="Results table"),
        timings=f"results/{layout.TIMINGS}",
    log:
        "logs/table.log",
    benchmark:
        "logs/table.tsv"
    params:
        differences=DIFFERENCES,
    shell:
        "python -m reconstruction table --evaluations {input.evaluations:q} --inspections {input.inspections:q}"
        " --differences {params.differences:q} --folder results 2>&1 | tee {log:q}"
