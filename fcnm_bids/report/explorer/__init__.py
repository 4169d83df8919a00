"""The explorer: result folders as one page in which every value can be looked up."""
