#!/usr/bin/env python3
"""BIDS-App entry point."""

import sys

from fcnm_bids.cli.run import main

if __name__ == "__main__":
    sys.exit(main())
