"""The arms: scripts that are run as whole processes."""
