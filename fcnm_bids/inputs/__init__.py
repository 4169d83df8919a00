"""What a request names, found, opened, and turned into arguments."""
