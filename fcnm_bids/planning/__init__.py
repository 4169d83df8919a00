"""From a request to a plan, before any computing."""
