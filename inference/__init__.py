"""Code that runs in the endpoint's container; it needs only numpy and the standard library."""

from inference.artifact import Model, load
from inference.contract import Contract, contract_hash
from inference.errors import ArtifactError

__all__ = ["ArtifactError", "Contract", "Model", "contract_hash", "load"]
