"""How often the tests of specificity err: ``python -m simulation_studies OUT``."""
