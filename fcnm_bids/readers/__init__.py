"""Small files read whole, within limits, and checked; what a name is, however it is spelled."""
