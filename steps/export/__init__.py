"""From fitted estimators to what is served."""

from steps.export.files import pack_model, unpack_model, write_model
from steps.export.served import ServedModel, export_pipeline

__all__ = ["ServedModel", "export_pipeline", "pack_model", "unpack_model", "write_model"]
