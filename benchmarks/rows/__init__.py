"""The rows of the benchmarks. Each module has `measure(quick, tell)`, which returns a `Row`."""
