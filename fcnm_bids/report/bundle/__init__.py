"""Results for a paper and its supplement: figures, tables, texts and maps in one folder."""
