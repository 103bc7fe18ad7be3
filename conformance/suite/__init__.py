# SPDX-License-Identifier: MIT
"""A conformance suite for servers of vfio-user."""
