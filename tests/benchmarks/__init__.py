"""The benchmarks measure something, and say what they measured."""
