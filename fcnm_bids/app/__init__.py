"""One analysis level from request to report."""
