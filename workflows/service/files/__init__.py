"""Files of the service's runs (reports, artifacts, records): where they are kept, and how they get there and back."""

from __future__ import annotations

from workflows.service.files.blobs import Blobs, DiskBlobs, Place
from workflows.service.files.carrying import Carrier
from workflows.service.files.kept import Kept, kept_in
from workflows.service.files.resealing import Resealer

__all__ = ["Blobs", "Carrier", "DiskBlobs", "Kept", "Place", "Resealer", "kept_in"]
