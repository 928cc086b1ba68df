"""Preflight: says why a capture would be empty before anything is made, and which command mends it.

Facts in (``picture``), findings out (``examine``): pure, so that every verdict can be proved without an account.
"""

from vpcshark.preflight.checks import examine as examine
from vpcshark.preflight.finding import Finding as Finding
from vpcshark.preflight.picture import Picture as Picture
