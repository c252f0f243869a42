"""Code that runs inside the endpoint's container: numpy and the standard library alone."""

from inference.artifact import Model, load
from inference.contract import Contract, contract_hash
from inference.errors import ArtifactError

__all__ = ["ArtifactError", "Contract", "Model", "contract_hash", "load"]
