"""Compiled inner loops, for sums that NumPy can only make in several passes over memory."""
