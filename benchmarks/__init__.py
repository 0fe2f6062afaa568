"""Measurements, as ratios within one run where that is possible: ``make bench`` prints, docs/benchmarks.md keeps."""
