"""Speed and memory, side by side with what users use today: ``python -m benchmarks``."""
