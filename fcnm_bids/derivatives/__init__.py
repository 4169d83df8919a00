"""Content of outputs: columns, rows, sidecar texts, images."""
