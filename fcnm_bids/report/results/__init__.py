"""An output folder read back."""
