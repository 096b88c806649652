# SPDX-License-Identifier: LGPL-2.1-or-later
from typing import Any

from gi.repository import GObject

class AsyncResult: ...

class Cancellable(GObject.Object):
    def cancel(self) -> None: ...

# Whatever else there is.
def __getattr__(name: str) -> Any: ...
