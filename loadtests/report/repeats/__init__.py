"""Several runs of the same load test: medians, spread and confidence intervals over the runs."""
