"""BIDS grammar in both directions."""
