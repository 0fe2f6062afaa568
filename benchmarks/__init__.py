"""Measurements, as ratios within one run where that is possible. ``make bench`` prints them; docs/benchmarks.md keeps them."""
