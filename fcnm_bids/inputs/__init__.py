"""Read what a request names, and turn settings into arguments."""
