"""How NumPy's linear algebra uses this process."""

from __future__ import annotations

import os

#: Read by the OpenBLAS of NumPy's and SciPy's wheels when it is loaded.
_OPENBLAS = "OPENBLAS_NUM_THREADS"


def on_one_thread() -> None:
    """Have NumPy's linear algebra use one thread, unless the environment says otherwise.

    Call it before NumPy is loaded, in a process of Matshot's own. The tools multiply many small matrices. Threads that
    share one of those mostly wait for each other, busily: a texture made out of patches takes a third less time
    without them, and half on a machine that others use. Results do not depend on the number of processors then.
    """
    os.environ.setdefault(_OPENBLAS, "1")
