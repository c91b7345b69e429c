"""The benchmarks that launch/bench.py runs, by what they measure; their results beside them."""
