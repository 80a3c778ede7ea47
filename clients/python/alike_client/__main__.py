"""`python -m alike_client` is the command `label`."""

import sys

from .command import main

sys.exit(main())
