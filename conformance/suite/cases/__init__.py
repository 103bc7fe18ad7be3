# SPDX-License-Identifier: MIT
"""The cases, in the order in which they run."""

from . import header, version, info, region, irqs, dma, access, multi, feature  # noqa: F401
from . import sweep, files, stream, life, device_dma  # noqa: F401
