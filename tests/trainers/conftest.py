"""What the trainers' tests need of their process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# torch's compiler names its cache in the environment when it is first imported, within whichever test that is.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"torchinductor-{os.getuid()}"))
