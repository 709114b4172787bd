"""Performance, both sides in one run: `make bench` prints it and writes benchmarks/results.json."""
