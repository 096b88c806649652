# SPDX-License-Identifier: LGPL-2.1-or-later
# As much of PyGObject's types as the examples need: Debian has no package of them.

def require_version(namespace: str, version: str) -> None: ...
