"""``python -m vpcshark`` is the command ``vpcshark``."""

import sys

from vpcshark.cli import main

sys.exit(main())
